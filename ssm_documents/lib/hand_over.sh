# shellcheck shell=bash
# Giving a product's leadership away, the same for each: a product's own file says how.
source "${BASH_SOURCE[0]%/*}/quorum.sh"

# hand_over: from this server to a healthy voter.
hand_over() {
  local target
  require_lease
  require_own_peer
  require_membership
  leads || refuse "$SSM_PeerId does not lead $product"
  target=$(successor_of "$leader")
  [[ -n $target ]] || refuse "no other voter of $product is healthy"
  require_quorum
  require_lease
  log "handing over to $target"
  "${product}_transfer_leadership" "$target"
  wait_until 45 "another leader of $product" has_handed_over "$target"
  note_change "${name_of[$leader]:-$leader} leads $product"
}

# One that stepped down may win again: it asks until another leads.
has_handed_over() {
  local answer
  answer=$(describe_reply)
  "${product}_read_membership" || return 1
  leads || return 0
  obstacle="this server leads still; it was last answered $answer"
  "${product}_transfer_leadership" "$1"
  return 1
}
