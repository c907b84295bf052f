#!/usr/bin/env bash
# Makes the node's key, once, and prints the request for its certificate. The key never leaves the node.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/accounts.sh"
source "${BASH_SOURCE[0]%/*}/../lib/packages.sh"
source "${BASH_SOURCE[0]%/*}/../lib/artifact.sh"

require_parameters Cluster Region Bucket PrerequisitesKey PrerequisitesSha256
readonly prerequisites_key=${SSM_PrerequisitesKey:?}
readonly prerequisites_sha256=${SSM_PrerequisitesSha256:?}

readonly request_file=$root/etc/quorate/tls/node.csr
made=false

main() {
  have_tools openssl || fail 69 "missing on this node: openssl"
  ensure_prerequisites "$prerequisites_key" "$prerequisites_sha256"
  ensure_tls_group
  ensure_directory /etc/quorate 0755 root root
  ensure_directory /etc/quorate/tls 0750 root "$tls_group"
  [[ -s $key_file ]] || make_key
  [[ -s $request_file && $request_file -nt $key_file ]] || make_request
  result "$(jq --null-input --compact-output --rawfile request "$request_file" --argjson changed "$made" \
    '{certificate_request: $request, changed: $changed}')"
}

make_key() {
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$key_file.new"
  chown "root:$tls_group" "$key_file.new"
  chmod 0640 "$key_file.new"
  mv "$key_file.new" "$key_file"
  made=true
}

# The names in the certificate are the authority's decision; what a request asks for is not read.
make_request() {
  openssl req -new -key "$key_file" -subj /O=quorate -out "$request_file.new"
  mv "$request_file.new" "$request_file"
  made=true
}

main "$@"
