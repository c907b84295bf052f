#!/usr/bin/env bash
# Tries the place that will keep Vault's recovery keys while there are none: broken would be seen too late after
# initialisation. Keys of another generation are never written over.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/key_store.sh"

require_parameters Cluster Region Bucket SecretsPrefix Generation
readonly generation=${SSM_Generation:?}

main() {
  if read_recovery_keys; then
    local kept
    kept=$(jq --raw-output .generation <<<"$recovery_keys")
    [[ $kept == "$generation" ]] ||
      fail 70 "recovery keys of generation $kept are stored: move them away before generation $generation forms a Vault"
    result '{"key_store":"in use"}'
  else
    try_key_store
    result '{"key_store":"writable"}'
  fi
}

main "$@"
