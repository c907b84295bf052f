#!/usr/bin/env bash
# Takes the node out of Vault's Raft and stops Vault for good: a removed peer must not come back with its old data.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/service.sh"
source "${BASH_SOURCE[0]%/*}/../lib/quorum.sh"
source "${BASH_SOURCE[0]%/*}/../lib/vault_raft.sh"

require_parameters Cluster Region Bucket Kind Fencing LeaseTable PeerId Subject FewestVoters SpareVoters
readonly product=vault kind=${SSM_Kind:?}

main() {
  require_one_of Kind "$kind" server
  require_lease
  local left=false
  if is_running vault; then
    leave_raft
    left=true
  fi
  retire_service vault
  [[ $left == true ]] || refuse "vault does not run here"
  note_change "left vault"
}

# A node that was removed tells nothing of the others any more: the active one does.
leave_raft() {
  require_goodbye
  vault_remove_peer "$SSM_PeerId"
  [[ $reply_status == 20[04] ]] || fail 75 "removing this peer of Vault answered $(describe_reply)"
  # shellcheck disable=SC2034 # api.sh reads it
  vault_url=https://$(leader_address):8200
  wait_until 30 "the goodbye to Vault's Raft" is_out
}

main "$@"
