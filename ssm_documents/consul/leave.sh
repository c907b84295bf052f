#!/usr/bin/env bash
# Takes the node out of Consul, and out of Raft where it is a server. Consul does not start again after it.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/service.sh"
source "${BASH_SOURCE[0]%/*}/../lib/quorum.sh"
source "${BASH_SOURCE[0]%/*}/../lib/consul_raft.sh"

require_parameters Cluster Region Bucket SecretsPrefix Kind Fencing LeaseTable PeerId Subject FewestVoters SpareVoters
readonly product=consul kind=${SSM_Kind:?}

main() {
  require_one_of Kind "$kind" server client
  [[ $kind == client ]] || require_lease
  local left=false
  if is_running consul; then
    "leave_as_$kind"
    left=true
  fi
  retire_service consul
  [[ $left == true ]] || refuse "consul does not run here"
  note_change "left consul"
}

# By a signal, which needs no token.
leave_as_client() {
  systemctl kill --signal=INT consul
  wait_until 60 "Consul's end" has_stopped
}

# The answer may be lost with the agent that gives it: the server that leads tells whether this one is out.
leave_as_server() {
  use_consul_token
  require_goodbye
  api_seconds=30
  consul_api PUT agent/leave
  [[ $reply_status == 200 || $reply_status == 000 ]] || fail 75 "Consul's leave answered $(describe_reply)"
  # shellcheck disable=SC2034 # api.sh reads it
  consul_url=https://$(leader_address):8501
  wait_until 30 "the goodbye to Consul's Raft" is_out
  wait_until 30 "Consul's end" has_stopped
}

has_stopped() {
  ! is_running consul
}

main "$@"
