#!/usr/bin/env bash
# Sees that Vault is unsealed on this node and that the node is a voter.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/vault_login.sh"
source "${BASH_SOURCE[0]%/*}/../lib/vault_seal.sh"
source "${BASH_SOURCE[0]%/*}/../lib/imds.sh"

require_parameters Cluster Region Bucket Kind
readonly kind=${SSM_Kind:?}

main() {
  require_one_of Kind "$kind" server
  read_local_address
  wait_until 150 "Vault's unsealing" is_unsealed
  wait_until 120 "Vault's vote" is_voter
  wait_until 10 "Vault's cluster id" read_seal
  result "$(jq --compact-output --arg address "$local_address:8201" --argjson cluster "$vault_cluster" \
    '.data.config.servers | {
      sealed: false,
      voter: true,
      raft_id: (map(select(.address == $address).node_id) | first),
      cluster_id: $cluster,
      leader: (map(select(.leader).node_id) | first),
      voters: map(select(.voter)) | length
    }' <<<"$raft_configuration")"
}

is_unsealed() {
  succeeds vault GET sys/seal-status || return 1
  ! tells_open || return 0
  obstacle="seal status: $(jq --compact-output '{initialized, sealed}' <<<"$reply_body")"
  return 1
}

is_voter() {
  read_raft_configuration || return 1
  obstacle="$local_address:8201 is no voter"
  jq --exit-status --arg address "$local_address:8201" \
    '.data.config.servers | any(.leader) and any(.address == $address and .voter)' <<<"$raft_configuration" >/dev/null
}

main "$@"
