#!/usr/bin/env bash
# Tries the place that will keep Vault's keys while there are none: broken would be seen too late after initialisation.
# Keys of another generation are never written over.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/wait.sh"
source "${BASH_SOURCE[0]%/*}/../lib/key_store.sh"

require_parameters Cluster Region Bucket SecretsPrefix Generation

main() {
  wait_until 10 "this instance's id" read_instance_id
  read_key_store
  refuse_foreign_keys
  if [[ $keys_kept == none ]]; then
    try_key_store
    result '{"key_store":"writable"}'
  else
    result '{"key_store":"in use"}'
  fi
}

main "$@"
