# shellcheck shell=bash
# Consul's servers, by the token that all of them share (`operator` and `agent` write).
source "${BASH_SOURCE[0]%/*}/raft.sh"
source "${BASH_SOURCE[0]%/*}/consul_token.sh"

own_raft_id=

# consul_read_own_id: a probe.
consul_read_own_id() {
  succeeds consul GET agent/self || return 1
  obstacle="Consul tells no id of this node"
  read_plain NodeID own_raft_id
}

consul_read_membership() {
  read_raft
}

# consul_transfer_leadership ID
consul_transfer_leadership() {
  consul_api POST "operator/raft/transfer-leader?id=$1"
}

# consul_remove_peer ID: never by address, which may be another's by now.
consul_remove_peer() {
  consul_api DELETE "operator/raft/peer?id=$1"
}
