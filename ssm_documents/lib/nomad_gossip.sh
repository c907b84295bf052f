# shellcheck shell=bash
# Nomad's lists: servers in gossip, clients in its state. Those that went stay there for a day and more.
source "${BASH_SOURCE[0]%/*}/api.sh"
source "${BASH_SOURCE[0]%/*}/change.sh"

forgotten=false

# forget_server ID: what gossip still has of the server with this Raft id. When gossip drops a member the leader removes
# any peer of the same id OR address (nomad/leader.go, removeRaftPeer): where a living server has that address by now,
# the entry stays.
forget_server() {
  local -r id=$1
  local found name address
  wait_until 10 "Nomad's members" succeeds nomad GET agent/members
  found=$(jq --raw-output --arg id "$id" '.Members[] | select(.Tags.id == $id) | "\(.Name) \(.Addr)"' <<<"$reply_body")
  [[ -n $found ]] || return 0
  read -r name address <<<"$found"
  if jq --exit-status --arg id "$id" --arg address "$address" \
    '.Members | any(.Addr == $address and .Tags.id != $id and .Status == "alive")' <<<"$reply_body" >/dev/null; then
    log "$name stays listed in gossip: another server has its address $address now"
    return 0
  fi
  # Of one that gossip still holds for alive this makes it `leaving`, which the leader does not take back, and answers
  # some seconds later (serf.go, handlePrune). A living server refutes it.
  nomad_api PUT "agent/force-leave?node=$name&prune=true"
  [[ $reply_status == 200 ]] || fail 75 "Nomad's force-leave answered $(describe_reply)"
  wait_until 20 "Nomad's members without $name" is_forgotten "$id"
  # shellcheck disable=SC2034 # the caller reads it
  forgotten=true
}

is_forgotten() {
  succeeds nomad GET agent/members || return 1
  obstacle="it is still listed"
  jq --exit-status --arg id "$1" '.Members | any(.Tags.id == $id) | not' <<<"$reply_body" >/dev/null
}

# forget_client INSTANCE: the nodes of that name. One that still sends heartbeats is not forgotten: it would come back.
forget_client() {
  local -r instance=$1
  local nodes node
  wait_until 10 "Nomad's nodes" read_nodes "$instance"
  nodes=$(jq --raw-output '.[].ID' <<<"$reply_body")
  [[ -n $nodes ]] || return 0
  try_for 75 is_down "$instance" || refuse "$obstacle"
  while read -r node; do
    nomad_api PUT "node/$node/purge"
    [[ $reply_status == 200 ]] || fail 75 "purging the Nomad node $node answered $(describe_reply)"
  done <<<"$nodes"
  # shellcheck disable=SC2034 # the caller reads it
  forgotten=true
}

# read_nodes INSTANCE: a Nomad agent's name is its instance's id.
read_nodes() {
  succeeds nomad GET "nodes?filter=Name%20%3D%3D%20%22$1%22"
}

is_down() {
  read_nodes "$1" || return 1
  obstacle="$1 still sends heartbeats to Nomad: it has to stop first"
  jq --exit-status 'all(.Status != "ready" and .Status != "initializing")' <<<"$reply_body" >/dev/null
}
