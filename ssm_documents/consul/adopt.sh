#!/usr/bin/env bash
# Has Consul use the tokens that its secrets hold by now. It reads them again on a signal (agent.go, ReloadConfig).
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/adopt.sh"

require_parameters Cluster Region Bucket SecretsPrefix Kind Fencing LeaseTable ConfigurationKey ConfigurationSha256
readonly kind=${SSM_Kind:?}

main() {
  require_one_of Kind "$kind" server client
  fetch_file_set "${SSM_ConfigurationKey:?}" "${SSM_ConfigurationSha256:?}"
  adopt consul consul "$kind"
}

take_up() {
  log "reloading consul"
  systemctl reload consul
}

main "$@"
