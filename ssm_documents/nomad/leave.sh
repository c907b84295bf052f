#!/usr/bin/env bash
# Takes the node out of Nomad and stops it for good; a client was drained before (drain.sh). Nomad has no call to leave:
# a server has its own peer removed first, since one that stops as a voter takes quorum along where it was one of two.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/service.sh"
source "${BASH_SOURCE[0]%/*}/../lib/quorum.sh"
source "${BASH_SOURCE[0]%/*}/../lib/nomad_raft.sh"
source "${BASH_SOURCE[0]%/*}/../lib/nomad_gossip.sh"
source "${BASH_SOURCE[0]%/*}/../lib/nomad_drain.sh"

require_parameters Cluster Region Bucket SecretsPrefix Kind Fencing LeaseTable PeerId Subject FewestVoters SpareVoters
readonly product=nomad kind=${SSM_Kind:?}

main() {
  require_one_of Kind "$kind" server client
  [[ $kind == client ]] || require_lease
  local left=false
  if is_running nomad; then
    "prepare_$kind"
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

# Nobody drained it: what it runs gets most of a minute.
prepare_client() {
  require_secret nomad/operator-token-client
  nomad_token=$secret_value
  if ! try_for 15 read_nomad_node; then
    log "it stops without a drain: $obstacle"
  elif ! is_drained; then
    is_draining || begin_drain 45
    try_for 60 has_drained || log "it stops while it drains"
  fi
}

main "$@"
