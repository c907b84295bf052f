# shellcheck shell=bash
# Nomad's servers, by a management token of their own: no ACL policy can allow to read the Raft configuration, to remove
# a peer or to transfer leadership (nomad/operator_endpoint.go asks for IsManagement).
source "${BASH_SOURCE[0]%/*}/raft.sh"
source "${BASH_SOURCE[0]%/*}/nomad_token.sh"

own_raft_id=

# nomad_read_own_id: a probe.
nomad_read_own_id() {
  succeeds nomad GET agent/self || return 1
  own_raft_id=$(jq --raw-output '.member.Tags.id // empty' <<<"$reply_body")
}

# Gossip among Nomad's servers is tuned for wide areas (nomad/config.go): for three quarters of a minute autopilot finds
# one healthy that was killed. So each is asked here as well, and one that does not answer is neither alive nor healthy.
nomad_read_membership() {
  read_raft || return 1
  local id
  for id in "${peers[@]}"; do
    # shellcheck disable=SC2034 # not every script asks both
    answers_at "${address_of[$id]%:*}" || healthy[$id]=false alive[$id]=false
  done
}

# answers_at ADDRESS: whether Nomad's API answers there, whatever it says.
answers_at() {
  local -r here=$nomad_url
  nomad_url=https://$1:4646
  nomad_api GET status/leader "" --connect-timeout 2 --max-time 5
  nomad_url=$here
  [[ $reply_status != 000 ]]
}

# nomad_transfer_leadership ID
nomad_transfer_leadership() {
  nomad_api PUT "operator/raft/transfer-leadership?id=$1"
}

# nomad_remove_peer ID: by address is refused since Nomad 1.10.1.
nomad_remove_peer() {
  nomad_api DELETE "operator/raft/peer?id=$1"
}
