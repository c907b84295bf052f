#!/usr/bin/env bash
# Takes the node out of Nomad, by stopping it for good. Nomad has no call to leave: a server that stays removes this one
# afterwards (remove.sh), and a client was drained before (drain.sh).
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/service.sh"
source "${BASH_SOURCE[0]%/*}/../lib/quorum.sh"
source "${BASH_SOURCE[0]%/*}/../lib/nomad_raft.sh"
source "${BASH_SOURCE[0]%/*}/../lib/nomad_drain.sh"

require_parameters Cluster Region Bucket SecretsPrefix Kind Fencing LeaseTable PeerId Subject FewestVoters SpareVoters
readonly kind=${SSM_Kind:?}

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
  note_change "nomad has stopped here"
}

prepare_server() {
  use_nomad_token
  require_goodbye nomad
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
