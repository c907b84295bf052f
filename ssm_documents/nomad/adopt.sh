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
  local refusal target
  use_nomad_token
  try_for 5 nomad_read_own_id || refuse "this server does not tell its Raft id: $obstacle"
  try_for 3 nomad_read_membership || refuse "the membership is unknown: $obstacle"
  refusal=$(jq --raw-output --arg own "$own_raft_id" '(.peers | map(select(.voter))) as $voters
    | ($voters | map(select(.healthy and .id != $own)) | length) as $healthy
    | if ($voters | length) > 1 and $healthy <= (($voters | length) / 2 | floor)
      then "\($healthy) of the \(($voters | length) - 1) other voters are healthy"
      else empty end' <<<"$membership")
  [[ -z $refusal ]] || refuse "$refusal"
  target=$(jq --raw-output --arg own "$own_raft_id" 'if .leader == $own
    then .peers | map(select(.voter and .healthy and .id != $own).id) | sort | first // empty
    else empty end' <<<"$membership")
  if [[ -n $target ]]; then
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
  [[ $(jq --raw-output .leader <<<"$membership") != "$own_raft_id" ]]
}

is_back() {
  nomad_read_membership || return 1
  obstacle="this server is no healthy voter yet"
  jq --exit-status --arg own "$own_raft_id" '.peers | any(.id == $own and .voter and .healthy)' \
    <<<"$membership" >/dev/null
}

restart() {
  run_service nomad
  await_service 40 nomad answers nomad GET agent/health
}

main "$@"
