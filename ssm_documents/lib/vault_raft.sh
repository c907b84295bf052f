# shellcheck shell=bash
# Vault's servers, by the node's certificate. A standby forwards each of these requests to the active node.
source "${BASH_SOURCE[0]%/*}/vault_login.sh"
source "${BASH_SOURCE[0]%/*}/membership.sh"
source "${BASH_SOURCE[0]%/*}/imds.sh"

own_raft_id=

# vault_read_own_id: a probe. Vault's node id is the instance's, as it is configured.
vault_read_own_id() {
  imds_get meta-data/instance-id || return 1
  own_raft_id=$reply_body
}

# shellcheck disable=SC2016 # jq's variables
vault_facts='
  def known: if type == "string" and . != "" then . else null end;
  ($state[0].data.servers // {}) as $told
  | if ($told | length) == 0 then error("autopilot tells of no server yet") else . end
  | [.data.config.servers[] | {
      id: .node_id,
      name: .node_id,
      address: .address,
      voter: .voter,
      healthy: ($told[.node_id].healthy == true),
      leader: .leader
    }]
  | if all(.[]; (.id | known) and (.address | known) and ([.voter, .leader | type] == ["boolean", "boolean"])) then .
    else error("a server without id, address or vote") end
  | if (map(select(.leader)) | length) == 1 then . else error("not one leader") end
  | {leader: (map(select(.leader).id) | first), peers: map(del(.leader) + {alive: false})}'

# vault_read_membership: a probe. Vault has no gossip: nobody is alive by its word.
vault_read_membership() {
  local rows
  forget_membership
  read_raft_configuration || return 1
  succeeds vault GET sys/storage/raft/autopilot/state || return 1
  obstacle="what Vault tells of its Raft membership is not understood"
  rows=$(jq --raw-output --slurpfile state <(printf '%s' "$reply_body") "$vault_facts | $membership_rows" \
    <<<"$raft_configuration") || return 1
  take_membership "$rows"
}

# vault_transfer_leadership ID: whom Vault will follow cannot be chosen.
vault_transfer_leadership() {
  vault_api PUT sys/step-down
}

# vault_remove_peer ID
vault_remove_peer() {
  vault_api POST sys/storage/raft/remove-peer "{\"server_id\":$(json_string "$1")}"
}
