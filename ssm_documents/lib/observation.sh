# shellcheck shell=bash
# What a server tells of a product's membership. That it cannot tell is an answer too, never an error: whoever decides
# weighs it against what others say.
source "${BASH_SOURCE[0]%/*}/service.sh"
source "${BASH_SOURCE[0]%/*}/api.sh"

# shellcheck disable=SC2034 # api.sh reads it: of three servers one may hang, and the document has 60 s
api_seconds=10

sealed=null
cluster_id=null

# observe PRODUCT
observe() {
  local -r product=$1
  if ! is_running "$product"; then
    tell "$product" false false "$product does not run here"
    return 0
  fi
  own_raft_id=
  try_for 5 read_own_raft_id || own_raft_id=
  if [[ $sealed == true ]]; then
    tell "$product" true false "Vault is sealed here"
  elif try_for 3 read_membership; then
    tell "$product" true true "as its leader tells it"
  else
    tell "$product" true false "$obstacle"
  fi
}

# tell PRODUCT RUNNING KNOWN REASON
tell() {
  local leader=null peers='[]' own=null facts
  if [[ $3 == true ]]; then
    facts=$(jq --compact-output '.leader, [.peers[] | {id, name, address, voter, healthy}]' <<<"$membership")
    leader=${facts%%$'\n'*}
    peers=${facts#*$'\n'}
  fi
  [[ -z ${own_raft_id:-} ]] || own=$(json_string "$own_raft_id")
  result "{\"product\":\"$1\",\"running\":$2,\"known\":$3,\"reason\":$(json_string "$4"),\
\"cluster_id\":$cluster_id,\"own_raft_id\":$own,\"leader\":$leader,\"sealed\":$sealed,\"peers\":$peers}"
}
