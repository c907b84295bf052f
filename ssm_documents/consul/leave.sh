#!/usr/bin/env bash
# Takes the node out of Consul, and out of Raft where it is a server. Consul does not start again after it.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/service.sh"
source "${BASH_SOURCE[0]%/*}/../lib/secrets.sh"
source "${BASH_SOURCE[0]%/*}/../lib/api.sh"

require_parameters Cluster Region Bucket SecretsPrefix Kind
readonly kind=${SSM_Kind:?}

main() {
  require_one_of Kind "$kind" server client
  local left=false
  if is_running consul; then
    if [[ $kind == server ]]; then
      leave_as_server
    else
      systemctl kill --signal=INT consul # a client leaves by it, and needs no token
    fi
    wait_until 60 "Consul's end" has_stopped
    left=true
  fi
  retire_service consul
  result "{\"left\":$left}"
}

leave_as_server() {
  require_secret consul/agent-token-server
  consul_token=$secret_value
  wait_until 60 "Consul's goodbye" succeeds consul PUT agent/leave
}

has_stopped() {
  ! is_running consul
}

main "$@"
