#!/usr/bin/env bash
# Writes Vault's configuration and unit. It needs no secrets: it is unsealed by KMS, with the node's own role.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/configuration.sh"

require_parameters Cluster Region Bucket ConfigurationKey ConfigurationSha256
readonly configuration_key=${SSM_ConfigurationKey:?}
readonly configuration_sha256=${SSM_ConfigurationSha256:?}

main() {
  fetch_file_set "$configuration_key" "$configuration_sha256"
  write_file_set
  result "{\"changed\":$configuration_changed}"
}

main "$@"
