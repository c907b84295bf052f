#!/usr/bin/env bash
# Sees that the node is a voter of Nomad (server) or ready for work (client).
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/secrets.sh"
source "${BASH_SOURCE[0]%/*}/../lib/nomad_node.sh"
source "${BASH_SOURCE[0]%/*}/../lib/introduction.sh"

require_parameters Cluster Region Bucket SecretsPrefix Kind
readonly kind=${SSM_Kind:?}

main() {
  require_one_of Kind "$kind" server client
  require_secret "nomad/operator-token-$kind"
  nomad_token=$secret_value
  if [[ $kind == server ]]; then
    read_local_address
    wait_until 270 "Nomad's vote" is_voter
    result "$(jq --compact-output --arg address "$local_address:4647" '.Servers | {
      voter: true,
      raft_id: (map(select(.Address == $address).ID) | first),
      cluster_id: null,
      leader: (map(select(.Leader).Name) | first),
      voters: map(select(.Voter)) | length
    }' <<<"$reply_body")"
  else
    api_seconds=10
    wait_until 270 "Nomad's readiness" is_ready
    forget_introduction
    result "$(jq --compact-output '{
      ready: true,
      node_id: .ID,
      node_pool: .NodePool,
      drivers: [.Drivers | to_entries[] | select(.value.Healthy) | .key]
    }' <<<"$reply_body")"
  fi
}

# Raft's configuration asks for a management token; autopilot tells the same of each server to `operator:read`, with
# 429 for a cluster that is not healthy (yet).
is_voter() {
  nomad_api GET operator/autopilot/health
  if [[ $reply_status != 200 && $reply_status != 429 ]]; then
    obstacle="nomad answered $(describe_reply) to operator/autopilot/health"
    return 1
  fi
  obstacle="$local_address:4647 is no voter"
  jq --exit-status --arg address "$local_address:4647" \
    '.Servers // [] | any(.Leader) and any(.Address == $address and .Voter)' <<<"$reply_body" >/dev/null
}

is_ready() {
  if ! read_nomad_node; then
    see_it_is_let_in
    return 1
  fi
  obstacle="node status: $(jq --raw-output .Status <<<"$reply_body")"
  jq --exit-status '.Status == "ready"' <<<"$reply_body" >/dev/null
}

# A client that has not registered answers nothing that it would have to ask a server (client/rpc.go, RPC): its log says
# why. It asks again every 15 seconds and more, and a leader that has just begun may refuse once.
see_it_is_let_in() {
  local since refusals
  since=$(stat --format %Y "$root/run/quorate/nomad.running")
  refusals=$(journalctl --unit nomad --since "@$since" --no-pager --output cat |
    grep --count 'error registering.*Permission denied') || true # grep's way to say that there is none
  ((refusals < 3)) ||
    fail 70 "Nomad's servers refuse to register this client: it was not introduced to them, or came too late"
}

main "$@"
