#!/usr/bin/env bash
# From a server: begins to move allocations off a client, and tells how far that is. It waits for nothing: whoever asks
# comes back. No client does it for itself: what moves one node's work moves any node's.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/nomad_gossip.sh"
source "${BASH_SOURCE[0]%/*}/../lib/nomad_token.sh"

require_parameters Cluster Region Bucket SecretsPrefix Subject DeadlineSeconds
readonly subject=${SSM_Subject:?} deadline_seconds=${SSM_DeadlineSeconds:?}

node_id=

main() {
  local draining=false allocations=0
  use_nomad_token
  wait_until 30 "the Nomad node $subject" read_client
  if [[ -n $node_id ]] && ! is_drained; then
    says '.DrainStrategy != null' || begin_drain
    draining=true
    allocations=$(count_allocations)
  fi
  result "{\"draining\":$draining,\"allocations\":$allocations}"
}

# read_client: a probe; the node is in reply_body, and its id in node_id. One that no longer runs has nothing to move.
read_client() {
  read_nodes "$subject" || return 1
  node_id=$(jq --raw-output 'map(select(.Status == "ready" or .Status == "initializing").ID) | first // empty' \
    <<<"$reply_body")
  [[ -z $node_id ]] || succeeds nomad GET "node/$node_id"
}

# A node that an operator only made ineligible has not been drained.
is_drained() {
  says '.DrainStrategy == null and .SchedulingEligibility == "ineligible" and .LastDrain.Status == "complete"'
}

# says FILTER: of the node in reply_body.
says() {
  jq --exit-status "$1" <<<"$reply_body" >/dev/null
}

# Nomad takes 0 for no deadline at all, and less for at once.
begin_drain() {
  local nanoseconds=-1
  ((deadline_seconds == 0)) || nanoseconds=${deadline_seconds}000000000
  nomad_api POST "node/$node_id/drain" "{\"DrainSpec\":{\"Deadline\":$nanoseconds},\"MarkEligible\":false}"
  [[ $reply_status == 200 ]] || fail 75 "draining the Nomad node answered $(describe_reply)"
}

count_allocations() {
  nomad_api GET "node/$node_id/allocations"
  [[ $reply_status == 200 ]] || fail 75 "listing what $subject runs answered $(describe_reply)"
  jq 'map(select(.ClientStatus == "running" or .ClientStatus == "pending")) | length' <<<"$reply_body"
}

main "$@"
