#!/usr/bin/env bash
# Has Nomad use the Consul token that its secret holds by now. It takes it up at its start alone (nomad/server.go and
# client/client.go, Reload): allocations go on meanwhile, and of servers one restarts at a time.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/adopt.sh"
source "${BASH_SOURCE[0]%/*}/../lib/nomad_raft.sh"
source "${BASH_SOURCE[0]%/*}/../lib/nomad_node.sh"

require_parameters Cluster Region Bucket SecretsPrefix Kind Fencing LeaseTable ConfigurationKey ConfigurationSha256
readonly kind=${SSM_Kind:?}

main() {
  require_one_of Kind "$kind" server client
  fetch_file_set "${SSM_ConfigurationKey:?}" "${SSM_ConfigurationSha256:?}"
  if [[ $kind == server ]]; then
    adopt nomad nomad server
  else
    adopt nomad root client # it runs as root
  fi
}

# take_up KIND
take_up() {
  local -r token=$secret_value # the last one that was written, which `adopt` tries
  "restart_$1"
  secret_value=$token
}

restart_client() {
  require_secret nomad/operator-token-client
  nomad_token=$secret_value
  restart
  wait_until 40 "Nomad's readiness" is_ready
}

is_ready() {
  read_nomad_node || return 1
  obstacle="node status: $(jq --raw-output .Status <<<"$reply_body")"
  jq --exit-status '.Status == "ready"' <<<"$reply_body" >/dev/null
}

# A voter less for some seconds: only where a majority of the others is healthy. The last server of all has no others.
restart_server() {
  local id target voters=0 others=0
  use_nomad_token
  try_for 5 nomad_read_own_id || refuse "this server does not tell its Raft id: $obstacle"
  try_for 3 nomad_read_membership || refuse "the membership is unknown: $obstacle"
  for id in "${peers[@]}"; do
    [[ ${votes[$id]} == true ]] || continue
    voters=$((voters + 1))
    [[ $id == "$own_raft_id" || ${healthy[$id]} != true ]] || others=$((others + 1))
  done
  ((voters < 2 || others > voters / 2)) || refuse "$others of the $((voters - 1)) other voters are healthy"
  target=$(successor_of "$own_raft_id")
  if [[ $leader == "$own_raft_id" && -n $target ]]; then
    log "handing over to $target"
    nomad_transfer_leadership "$target"
    wait_until 20 "another leader of Nomad" has_handed_over
  fi
  require_lease
  restart
  wait_until 40 "Nomad's vote" is_back
}

has_handed_over() {
  nomad_read_membership || return 1
  obstacle="this server leads still"
  [[ $leader != "$own_raft_id" ]]
}

is_back() {
  nomad_read_membership || return 1
  obstacle="this server is no healthy voter yet"
  [[ ${votes[$own_raft_id]:-}:${healthy[$own_raft_id]:-} == true:true ]]
}

restart() {
  run_service nomad
  await_service 40 nomad answers nomad GET agent/health
}

main "$@"
