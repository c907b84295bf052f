# shellcheck shell=bash
# Taking a server that left or is gone out of a product's membership, the same for each: a product's own file says how.
source "${BASH_SOURCE[0]%/*}/quorum.sh"

removed=false

# remove_server: out of the Raft configuration, by its id.
remove_server() {
  require_lease
  require_membership
  ! leads || refuse "$SSM_PeerId leads $product"
  try_for 30 has_died || refuse "$obstacle"
  is_peer || return 0
  require_quorum
  require_lease
  log "removing $SSM_PeerId"
  "${product}_remove_peer" "$SSM_PeerId"
  [[ $reply_status == 20[04] ]] || log "$product answered $(describe_reply)"
  wait_until 30 "the removal from $product" is_out
  # shellcheck disable=SC2034 # the caller reads it
  removed=true
}

# It takes some seconds to see that a server has gone. One that lives is never removed: the leaders of Consul and Nomad
# would take it back at their next pass, within a minute, and Vault's never would.
has_died() {
  "${product}_read_membership" || return 1
  obstacle="$SSM_PeerId lives: it has to leave by itself"
  ! is_peer || [[ ${alive[$SSM_PeerId]}:${healthy[$SSM_PeerId]} == false:false ]]
}

# finish_removal FORGOTTEN: the last word, when gossip has been cleaned as well.
finish_removal() {
  local -r forgotten=$1 who=${SSM_Subject:?}
  if [[ $removed == true ]]; then
    note_change "$SSM_PeerId is no peer of $product any more"
  elif [[ $forgotten == true ]]; then
    note_change "${who/#-/$SSM_PeerId} is on no list of $product any more"
  else
    refuse "$product knows nothing of ${who/#-/$SSM_PeerId}"
  fi
}
