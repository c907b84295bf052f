# shellcheck shell=bash
# Moving allocations off this host. Needs read_nomad_node before.
source "${BASH_SOURCE[0]%/*}/nomad_node.sh"

# drain_says FILTER: of the node in reply_body.
drain_says() {
  jq --exit-status "$1" <<<"$reply_body" >/dev/null
}

is_draining() {
  drain_says '.DrainStrategy != null'
}

# A node that an operator only made ineligible has not been drained.
is_drained() {
  drain_says '.DrainStrategy == null and .SchedulingEligibility == "ineligible" and .LastDrain.Status == "complete"'
}

# begin_drain SECONDS: Nomad takes 0 for no deadline at all, and less for at once.
begin_drain() {
  local nanoseconds=-1
  (($1 == 0)) || nanoseconds=${1}000000000
  nomad_api POST "node/$node_id/drain" "{\"DrainSpec\":{\"Deadline\":$nanoseconds},\"MarkEligible\":false}"
  [[ $reply_status == 200 ]] || fail 75 "draining the Nomad node answered $(describe_reply)"
}

has_drained() {
  read_nomad_node || return 1
  obstacle="the node still drains"
  is_drained
}
