#!/usr/bin/env bash
# Writes Consul's configuration and unit, the secrets that it merges from its directory, and the way of its names into
# this node. That restarts the resolver: now, while nothing asks for a name that would not ask again.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/secrets_file.sh"
source "${BASH_SOURCE[0]%/*}/../lib/keyring.sh"
source "${BASH_SOURCE[0]%/*}/../lib/service_names.sh"

require_parameters Cluster Region Bucket ConfigurationKey ConfigurationSha256 SecretsPrefix Kind
readonly configuration_key=${SSM_ConfigurationKey:?}
readonly configuration_sha256=${SSM_ConfigurationSha256:?}
readonly kind=${SSM_Kind:?}

main() {
  require_one_of Kind "$kind" server client
  log "configuring a Consul $kind"
  fetch_file_set "$configuration_key" "$configuration_sha256"
  write_file_set
  put_secrets_file /etc/consul.d/secrets.json root consul
  put_keyring_file
  route_names
  result "{\"changed\":$configuration_changed}"
}

main "$@"
