# shellcheck shell=bash
# Raft membership of Consul and Nomad, whose APIs tell it alike. The configuration is the leader's, and autopilot adds
# who is healthy: for each id in the configuration, also those that gossip has forgotten (raft-autopilot's state.go,
# nextServers), up to two seconds old. It goes by id; `Node` of the configuration only by address, which may have a new
# owner (consul/operator_raft_endpoint.go), so it is the second choice for a name.
source "${BASH_SOURCE[0]%/*}/api.sh"
source "${BASH_SOURCE[0]%/*}/membership.sh"

# shellcheck disable=SC2016 # jq's variables
raft_facts='
  def known: if type == "string" and . != "" and . != "(unknown)" then . else null end;
  ($health[0].Servers | map({key: .ID, value: .}) | from_entries) as $told
  | if ($told | length) == 0 then error("autopilot tells of no server yet") else . end
  | [$configuration[0].Servers[] | {
      id: .ID,
      name: (($told[.ID].Name | known) // (.Node | known)),
      address: .Address,
      voter: .Voter,
      healthy: ($told[.ID].Healthy == true),
      alive: ($told[.ID].SerfStatus == "alive"),
      leader: .Leader
    }]
  | if all(.[]; (.id | known) and (.address | known) and ([.voter, .leader | type] == ["boolean", "boolean"])) then .
    else error("a server without id, address or vote") end
  | if (map(select(.leader)) | length) == 1 then . else error("not one leader") end
  | {leader: (map(select(.leader).id) | first), peers: map(del(.leader))}'

# read_raft: a probe, of $product.
read_raft() {
  local configuration rows
  forget_membership
  succeeds "$product" GET operator/raft/configuration || return 1
  configuration=$reply_body
  "${product}_api" GET operator/autopilot/health
  if [[ $reply_status != 200 && $reply_status != 429 ]]; then # 429: somebody is not healthy
    obstacle="$product answered $(describe_reply) to operator/autopilot/health"
    return 1
  fi
  obstacle="what $product tells of its Raft membership is not understood"
  rows=$(jq --null-input --raw-output --slurpfile configuration <(printf '%s' "$configuration") \
    --slurpfile health <(printf '%s' "$reply_body") "$raft_facts | $membership_rows") || return 1
  take_membership "$rows"
}
