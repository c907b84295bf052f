# shellcheck shell=bash
# Who is in a product's Raft, as its leader tells it: of each peer, by its id, what a change of membership asks. One jq
# makes these rows of an answer; all that is asked of them afterwards the shell answers itself.

leader=
peers=()
# `name_of` is empty where nobody tells one. The rest is `true` or `false`; `alive` is gossip's word.
# shellcheck disable=SC2034 # not every script asks all of it
declare -A address_of=() name_of=() votes=() healthy=() alive=()

# For the end of a jq program that has {"leader": id, "peers": [{"id", "name", "address", "voter", "healthy", "alive"}]}
# of them; a name may be null.
# shellcheck disable=SC2034 # the products' own files read it
membership_rows='.leader, (.peers[] | [.id, .address, .voter, .healthy, .alive, .name // ""] | @tsv)'

# take_membership ROWS
# shellcheck disable=SC2034
take_membership() {
  local id address voter health life name
  forget_membership
  {
    read -r leader
    while IFS=$'\t' read -r id address voter health life name; do
      peers+=("$id")
      address_of[$id]=$address name_of[$id]=$name
      votes[$id]=$voter healthy[$id]=$health alive[$id]=$life
    done
  } <<<"$1"
}

# shellcheck disable=SC2034
forget_membership() {
  leader=
  peers=()
  address_of=() name_of=() votes=() healthy=() alive=()
}

# successor_of ID: a healthy voter that is another; empty where there is none.
successor_of() {
  local id first=
  for id in "${peers[@]}"; do
    [[ $id != "$1" && ${votes[$id]}:${healthy[$id]} == true:true ]] || continue
    [[ -n $first && $first < $id ]] || first=$id
  done
  printf '%s' "$first"
}
