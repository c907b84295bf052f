#!/usr/bin/env bash
# Gives Vault's leadership from this server to another voter, and sees that it leads.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/hand_over.sh"
source "${BASH_SOURCE[0]%/*}/../lib/vault_raft.sh"

require_parameters Cluster Region Bucket Fencing LeaseTable PeerId Subject FewestVoters SpareVoters
readonly product=vault

main() {
  hand_over
}

main "$@"
