# shellcheck shell=bash
# Consul's servers, by the token that all of them share (`operator` and `agent` write).
source "${BASH_SOURCE[0]%/*}/raft.sh"
source "${BASH_SOURCE[0]%/*}/consul_token.sh"

own_raft_id=

# read_own_raft_id: a probe.
read_own_raft_id() {
  succeeds consul GET agent/self || return 1
  own_raft_id=$(jq --raw-output '.Config.NodeID // empty' <<<"$reply_body")
}

read_membership() {
  read_raft consul
}

# transfer_leadership ID
transfer_leadership() {
  consul_api POST "operator/raft/transfer-leader?id=$1"
}

# remove_peer ID: never by address, which may be another's by now.
remove_peer() {
  consul_api DELETE "operator/raft/peer?id=$1"
}
