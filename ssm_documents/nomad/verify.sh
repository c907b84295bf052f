#!/usr/bin/env bash
# Sees that the node is a voter of Nomad (server) or ready for work (client).
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/secrets.sh"
source "${BASH_SOURCE[0]%/*}/../lib/nomad_node.sh"

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
    wait_until 270 "Nomad's readiness" is_ready
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
  read_nomad_node || return 1
  obstacle="node status: $(jq --raw-output .Status <<<"$reply_body")"
  jq --exit-status '.Status == "ready"' <<<"$reply_body" >/dev/null
}

main "$@"
