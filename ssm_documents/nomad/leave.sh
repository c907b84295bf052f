#!/usr/bin/env bash
# Takes the node out of Nomad and stops it for good; a server has drained a client before. Nomad has no call to leave:
# a server has its own peer removed first, since one that stops as a voter takes quorum along where it was one of two.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/service.sh"
source "${BASH_SOURCE[0]%/*}/../lib/quorum.sh"
source "${BASH_SOURCE[0]%/*}/../lib/nomad_raft.sh"
source "${BASH_SOURCE[0]%/*}/../lib/nomad_gossip.sh"

require_parameters Cluster Region Bucket SecretsPrefix Kind Fencing LeaseTable PeerId Subject FewestVoters SpareVoters
readonly product=nomad kind=${SSM_Kind:?}

main() {
  require_one_of Kind "$kind" server client
  [[ $kind == client ]] || require_lease
  local left=false
  if is_running nomad; then
    [[ $kind == client ]] || prepare_server
    left=true
  fi
  retire_service nomad
  [[ $left == true ]] || refuse "nomad does not run here"
  [[ $kind == client ]] || see_it_gone
  note_change "left nomad"
}

# It lives for a moment after its removal. Before the leader's next look at gossip, which would take it back, it has
# stopped.
prepare_server() {
  use_nomad_token
  require_goodbye
  is_peer || return 0
  nomad_remove_peer "$SSM_PeerId"
  [[ $reply_status == 20[04] ]] || fail 75 "removing this peer of Nomad answered $(describe_reply)"
}

see_it_gone() {
  nomad_url=https://$(leader_address):4646
  forget_server "$SSM_PeerId"
  wait_until 15 "the goodbye to Nomad's Raft" is_out
}

main "$@"
