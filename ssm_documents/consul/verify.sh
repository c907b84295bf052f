#!/usr/bin/env bash
# Sees that the node is a voter of Consul (server) or a member that the servers find in good health (client), and that
# names of its services lead somewhere.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/secrets.sh"
source "${BASH_SOURCE[0]%/*}/../lib/consul_cluster.sh"
source "${BASH_SOURCE[0]%/*}/../lib/service_names.sh"

require_parameters Cluster Region Bucket SecretsPrefix Kind
readonly kind=${SSM_Kind:?}

main() {
  require_one_of Kind "$kind" server client
  require_secret "consul/agent-token-$kind"
  consul_token=$secret_value
  if [[ $kind == server ]]; then
    read_local_address
    wait_until 240 "Consul's vote" is_voter
    local -r configuration=$reply_body
    wait_until 20 "Consul's names" has_address consul.service.consul
    try_for 20 read_consul_cluster || log "it tells no cluster id: $obstacle"
    result "$(jq --compact-output --arg address "$local_address:8300" --argjson cluster "$consul_cluster" '.Servers | {
      voter: true,
      raft_id: (map(select(.Address == $address).ID) | first),
      cluster_id: $cluster,
      leader: (map(select(.Leader).Node) | first),
      voters: map(select(.Voter)) | length
    }' <<<"$configuration")"
  else
    wait_until 240 "Consul's membership" is_healthy_member
    wait_until 20 "Consul's names" has_address consul.service.consul
    result '{"member":true}'
  fi
}

is_voter() {
  succeeds consul GET operator/raft/configuration || return 1
  obstacle="$local_address:8300 is no voter"
  jq --exit-status --arg address "$local_address:8300" \
    '.Servers | any(.Leader) and any(.Address == $address and .Voter)' <<<"$reply_body" >/dev/null
}

# The servers' own view: what an agent thinks of itself proves little.
is_healthy_member() {
  succeeds consul GET agent/self || return 1
  local name
  obstacle="Consul does not tell this node's name"
  read_plain NodeName name || return 1
  succeeds consul GET "health/node/$name" || return 1
  obstacle="the servers do not find $name in good health"
  jq --exit-status 'any(.CheckID == "serfHealth" and .Status == "passing")' <<<"$reply_body" >/dev/null
}

main "$@"
