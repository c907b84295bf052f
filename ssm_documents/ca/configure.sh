#!/usr/bin/env bash
# Puts the cluster's authority and the node's certificate in place: beside the key in use, or beside the next one, which
# then takes its place together with them.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/configuration.sh"
source "${BASH_SOURCE[0]%/*}/../lib/node_key.sh"

require_parameters Cluster Region Bucket ConfigurationKey ConfigurationSha256
readonly configuration_key=${SSM_ConfigurationKey:?}
readonly configuration_sha256=${SSM_ConfigurationSha256:?}

main() {
  fetch_file_set "$configuration_key" "$configuration_sha256"
  take_file /etc/quorate/tls/ca.pem "$work_dir/ca.pem"
  take_file /etc/quorate/tls/node.pem "$work_dir/node.pem"
  openssl verify -CAfile "$work_dir/ca.pem" "$work_dir/node.pem" ||
    fail 70 "the certificate was not issued by the cluster's authority"
  if is_for "$tls" "$work_dir/node.pem"; then
    write_file_set
  elif is_for "$next_tls" "$work_dir/node.pem"; then
    write_beside_next
    take_next
  else
    fail 70 "the certificate is for another key than this node's"
  fi
  result "{\"changed\":$configuration_changed}"
}

write_beside_next() {
  jq '.files[].path |= sub("^/etc/quorate/tls/"; "/etc/quorate/tls.next/")' "$file_set" >"$work_dir/next.json"
  file_set=$work_dir/next.json
  write_file_set
}

# take_file PATH TARGET: what the file set has for PATH.
take_file() {
  jq --exit-status --join-output --arg path "$1" '.files[] | select(.path == $path) | .content' "$file_set" >"$2" ||
    fail 70 "the file set has no $1"
}

main "$@"
