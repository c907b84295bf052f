#!/usr/bin/env bash
# Makes the node's next key beside the one in use, and prints the request for its certificate. A request that nobody
# answered yet is printed again.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/node_key.sh"

require_parameters Cluster Region Bucket

main() {
  [[ -s $certificate_file ]] || fail 69 "missing on this node: a certificate that could be renewed"
  ensure_key "$next_tls"
  result "$(jq --null-input --compact-output --rawfile request "$next_tls/node.csr" --argjson changed "$key_changed" \
    '{certificate_request: $request, changed: $changed}')"
}

main "$@"
