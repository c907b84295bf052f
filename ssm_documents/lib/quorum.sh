# shellcheck shell=bash
# What has to hold for a change of membership, seen by the node just before it makes it: the lease is still this
# command's, the membership is known, and enough voters remain. Where it does not hold nothing is changed.
# A script says which $product it is about, and sources that one's own file: <product>_raft.sh.
source "${BASH_SOURCE[0]%/*}/lease.sh"
source "${BASH_SOURCE[0]%/*}/api.sh"
source "${BASH_SOURCE[0]%/*}/membership.sh"

# A product that hangs must not hold a change for longer than its turn has.
# shellcheck disable=SC2034 # api.sh reads it
api_seconds=20

# An election takes a second or two; whatever lasts longer is for another turn.
require_membership() {
  try_for 3 "${product}_read_membership" || refuse "the membership is unknown: $obstacle"
}

is_peer() {
  [[ -n ${address_of[${SSM_PeerId:?}]:-} ]]
}

leads() {
  [[ $leader == "${SSM_PeerId:?}" ]]
}

# require_quorum: after the peer has gone. A non-voter may always go.
require_quorum() {
  local id voters=0 well=0
  [[ ${votes[${SSM_PeerId:?}]:-} != false ]] || return 0
  for id in "${peers[@]}"; do
    [[ $id != "$SSM_PeerId" && ${votes[$id]} == true ]] || continue
    voters=$((voters + 1))
    [[ ${healthy[$id]} != true ]] || well=$((well + 1))
  done
  local -r needed=$((voters / 2 + 1 + ${SSM_SpareVoters:?}))
  ((voters >= ${SSM_FewestVoters:?})) || refuse "$voters voters would remain, and $SSM_FewestVoters have to"
  ((well >= needed)) || refuse "$well of the $voters voters that remain are healthy, $needed have to be"
}

# require_own_peer: this server is the one that the command is about.
require_own_peer() {
  try_for 5 "${product}_read_own_id" || refuse "this server does not tell its Raft id: $obstacle"
  [[ $own_raft_id == "${SSM_PeerId:?}" ]] || refuse "this server is $own_raft_id, not $SSM_PeerId"
}

# require_goodbye: all that has to hold before a server leaves.
require_goodbye() {
  require_lease
  require_own_peer
  require_membership
  ! leads || refuse "this server leads $product: it hands over first"
  require_quorum
  require_lease
}

# is_out: a probe, whether the peer has gone from the membership.
is_out() {
  "${product}_read_membership" || return 1
  obstacle="$SSM_PeerId is still a peer"
  ! is_peer
}

leader_address() {
  printf '%s' "${address_of[$leader]%:*}"
}
