#!/usr/bin/env bash
# Tells Vault's membership as its active node sees it, and whether this one is sealed: its vote is none then.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/observation.sh"
source "${BASH_SOURCE[0]%/*}/../lib/vault_raft.sh"
source "${BASH_SOURCE[0]%/*}/../lib/vault_seal.sh"

require_parameters Cluster Region Bucket

main() {
  if is_running vault && try_for 5 read_seal; then
    # shellcheck disable=SC2034 # observation.sh reads it
    cluster_id=$vault_cluster
  fi
  observe vault
}

main "$@"
