# shellcheck shell=bash
# Nomad's servers, by a management token of their own: no ACL policy can allow to read the Raft configuration, to remove
# a peer or to transfer leadership (nomad/operator_endpoint.go asks for IsManagement).
source "${BASH_SOURCE[0]%/*}/raft.sh"
source "${BASH_SOURCE[0]%/*}/secrets.sh"

use_nomad_token() {
  require_secret nomad/membership-token
  nomad_token=$secret_value
}

own_raft_id=

# read_own_raft_id: a probe.
read_own_raft_id() {
  succeeds nomad GET agent/self || return 1
  own_raft_id=$(jq --raw-output '.member.Tags.id // empty' <<<"$reply_body")
}

read_membership() {
  read_raft nomad
}

# transfer_leadership ID
transfer_leadership() {
  nomad_api PUT "operator/raft/transfer-leadership?id=$1"
}

# remove_peer ID: by address is refused since Nomad 1.10.1.
remove_peer() {
  nomad_api DELETE "operator/raft/peer?id=$1"
}
