#!/usr/bin/env bash
# Takes the node out of Vault's Raft, having handed over leadership, and stops Vault for good: a removed peer must not
# come back with its old data.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/service.sh"
source "${BASH_SOURCE[0]%/*}/../lib/vault_login.sh"
source "${BASH_SOURCE[0]%/*}/../lib/imds.sh"

require_parameters Cluster Region Bucket Kind
readonly kind=${SSM_Kind:?}

main() {
  require_one_of Kind "$kind" server
  local left=false
  if is_running vault; then
    read_local_address
    wait_until 60 "Vault's Raft configuration" read_raft_servers
    if [[ -n $(own_entry) ]]; then
      leave_raft
      left=true
    fi
  fi
  retire_service vault
  result "{\"left\":$left}"
}

own_entry() {
  jq --compact-output --arg address "$local_address:8201" 'map(select(.address == $address)) | first // empty' \
    <<<"$raft_servers"
}

leave_raft() {
  (($(jq 'map(select(.voter)) | length' <<<"$raft_servers") > 1)) || fail 70 "the last voter of Vault does not leave"
  wait_until 90 "another leader of Vault" has_handed_over
  local node_id
  node_id=$(own_entry | jq --raw-output .node_id)
  vault_api POST sys/storage/raft/remove-peer "{\"server_id\":$(json_string "$node_id")}"
  [[ $reply_status == 20[04] ]] || fail 75 "removing this peer of Vault answered $(describe_reply)"
}

# A node that stepped down may win again: it asks until another leads.
has_handed_over() {
  read_raft_servers || return 1
  obstacle="this node leads"
  if jq --exit-status .leader <<<"$(own_entry)" >/dev/null; then
    vault_api PUT sys/step-down
    return 1
  fi
  jq --exit-status 'any(.leader)' <<<"$raft_servers" >/dev/null
}

main "$@"
