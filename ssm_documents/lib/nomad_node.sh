# shellcheck shell=bash
# This host as a Nomad client.
source "${BASH_SOURCE[0]%/*}/api.sh"

node_id=

# read_nomad_node: a probe; the node as the servers have it is in reply_body, its id in node_id.
read_nomad_node() {
  succeeds nomad GET agent/self || return 1
  node_id=$(jq --raw-output '.stats.client.node_id // empty' <<<"$reply_body")
  if [[ -z $node_id ]]; then
    obstacle="the agent has no node id"
    return 1
  fi
  succeeds nomad GET "node/$node_id"
}
