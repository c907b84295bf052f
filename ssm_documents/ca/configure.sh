#!/usr/bin/env bash
# Puts the cluster's authority and the node's certificate in place, if that certificate is for this node's key.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/configuration.sh"

require_parameters Cluster Region Bucket ConfigurationKey ConfigurationSha256
readonly configuration_key=${SSM_ConfigurationKey:?}
readonly configuration_sha256=${SSM_ConfigurationSha256:?}

main() {
  fetch_file_set "$configuration_key" "$configuration_sha256"
  check_certificate
  write_file_set
  result "{\"changed\":$configuration_changed}"
}

check_certificate() {
  take_file /etc/quorate/tls/ca.pem "$work_dir/ca.pem"
  take_file /etc/quorate/tls/node.pem "$work_dir/node.pem"
  local ours certified
  ours=$(openssl pkey -in "$key_file" -pubout)
  certified=$(openssl x509 -in "$work_dir/node.pem" -noout -pubkey)
  [[ $ours == "$certified" ]] || fail 70 "the certificate is for another key than this node's"
  openssl verify -CAfile "$work_dir/ca.pem" "$work_dir/node.pem" ||
    fail 70 "the certificate was not issued by the cluster's authority"
}

# take_file PATH TARGET: what the file set has for PATH.
take_file() {
  jq --exit-status --join-output --arg path "$1" '.files[] | select(.path == $path) | .content' "$file_set" >"$2" ||
    fail 70 "the file set has no $1"
}

main "$@"
