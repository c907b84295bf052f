#!/usr/bin/env bash
# Takes the node out of Nomad: a client is drained first. A server only stops: its peers' autopilot removes it.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/service.sh"
source "${BASH_SOURCE[0]%/*}/../lib/secrets.sh"
source "${BASH_SOURCE[0]%/*}/../lib/nomad_node.sh"

require_parameters Cluster Region Bucket SecretsPrefix Kind
readonly kind=${SSM_Kind:?}

readonly drain_seconds=60

main() {
  require_one_of Kind "$kind" server client
  local drained=false
  if [[ $kind == client ]] && is_running nomad; then
    drain
    drained=true
  fi
  retire_service nomad
  result "{\"drained\":$drained}"
}

drain() {
  require_secret nomad/operator-token-client
  nomad_token=$secret_value
  wait_until 30 "the Nomad node" read_nomad_node
  nomad_api POST "node/$node_id/drain" \
    "{\"DrainSpec\":{\"Deadline\":${drain_seconds}000000000},\"MarkEligible\":false}" # nanoseconds
  [[ $reply_status == 200 ]] || fail 75 "draining the Nomad node answered $(describe_reply)"
  wait_until $((drain_seconds + 60)) "the drain" is_drained
}

is_drained() {
  read_nomad_node || return 1
  obstacle="the node still drains"
  jq --exit-status '(.DrainStrategy == null) and .SchedulingEligibility == "ineligible"' <<<"$reply_body" >/dev/null
}

main "$@"
