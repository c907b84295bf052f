#!/usr/bin/env bash
# Makes the node's key, once, and prints the request for its certificate. The key never leaves the node.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/accounts.sh"
source "${BASH_SOURCE[0]%/*}/../lib/packages.sh"
source "${BASH_SOURCE[0]%/*}/../lib/artifact.sh"
source "${BASH_SOURCE[0]%/*}/../lib/node_key.sh"

require_parameters Cluster Region Bucket PrerequisitesKey PrerequisitesSha256
readonly prerequisites_key=${SSM_PrerequisitesKey:?}
readonly prerequisites_sha256=${SSM_PrerequisitesSha256:?}

main() {
  have_tools openssl || fail 69 "missing on this node: openssl"
  ensure_prerequisites "$prerequisites_key" "$prerequisites_sha256"
  ensure_tls_group
  ensure_directory /etc/quorate 0755 root root
  ensure_key "$tls"
  result "$(jq --null-input --compact-output --rawfile request "$tls/node.csr" --argjson changed "$key_changed" \
    '{certificate_request: $request, changed: $changed}')"
}

main "$@"
