#!/usr/bin/env bash
# From a server that stays: takes a server that is gone out of Vault's Raft. Vault has no other list.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/remove.sh"
source "${BASH_SOURCE[0]%/*}/../lib/vault_raft.sh"

require_parameters Cluster Region Bucket Kind Fencing LeaseTable PeerId Subject FewestVoters SpareVoters
readonly product=vault kind=${SSM_Kind:?}

main() {
  require_one_of Kind "$kind" server
  remove_server
  finish_removal false
}

main "$@"
