#!/usr/bin/env bash
# Sees that Vault is open on this server, and opens it with the kept key shares where it is not.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/lock.sh"
source "${BASH_SOURCE[0]%/*}/../lib/vault_unseal.sh"

require_parameters Cluster Region Bucket SecretsPrefix Kind
readonly kind=${SSM_Kind:?}

main() {
  require_one_of Kind "$kind" server
  with_lock vault 30 wait_until 140 "Vault's unsealing" unseal_vault
  result "{\"sealed\":false,\"changed\":$unsealed_here}"
}

main "$@"
