#!/usr/bin/env bash
# Makes the cluster's Vault, exactly once: initialised, audited, with its auth and policies, the root token revoked.
#
# All of it happens while Vault is alone on this server (lib/vault_alone.sh), and ends with the keys' becoming the
# cluster's, which the key store lets one server of a generation do. So there are kept keys if and only if there is a
# finished Vault; whatever a run that died has left is empty, and is made anew.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/lock.sh"
source "${BASH_SOURCE[0]%/*}/../lib/key_store.sh"
source "${BASH_SOURCE[0]%/*}/../lib/vault_alone.sh"
source "${BASH_SOURCE[0]%/*}/../lib/vault_setup.sh"
source "${BASH_SOURCE[0]%/*}/../lib/vault_unseal.sh"

require_parameters Cluster Region Bucket SecretsPrefix Generation ConfigurationKey ConfigurationSha256
readonly cluster=${SSM_Cluster:?}
readonly generation=${SSM_Generation:?}
readonly configuration_key=${SSM_ConfigurationKey:?}
readonly configuration_sha256=${SSM_ConfigurationSha256:?}

initialised=false
keys=

main() {
  fetch_file_set "$configuration_key" "$configuration_sha256"
  wait_until 10 "this instance's id" read_instance_id
  with_lock vault 60 make_or_find_vault
  result "{\"initialised\":$initialised,\"root_token\":\"revoked\"}"
}

make_or_find_vault() {
  read_key_store
  refuse_foreign_keys
  [[ $keys_kept != none ]] || make_vault
  [[ $keys_kept != sibling ]] || ! is_alone || give_way
  join_vault
  wait_for_vault
}

make_vault() {
  try_key_store
  is_alone || ! is_initialised || refuse_vault
  isolate_vault
  ! is_initialised || empty_vault
  printf '%s' "$generation" >"$made_by" # not initialised, and nobody but us can do it: what is here from now on is ours
  initialise
  ! waits_for_shares || unseal_with "$keys" || fail 70 "Vault does not take its own keys: $obstacle"
  wait_until 60 "Vault's leader" is_active
  mount
  write_policies
  make_writes vault_request POST
  revoke_root_token
  finish_keys
}

# The answer comes once, and between it and the store is nothing but memory.
initialise() {
  vault_api PUT sys/init "$(jq --compact-output .values.initialise "$file_set")" --max-time 200
  [[ $reply_status == 200 ]] || fail 70 "initialising Vault answered $(describe_reply)"
  read_plain root_token vault_token || fail 70 "Vault was initialised without a root token"
  keys=$(jq --compact-output --arg cluster "$cluster" --argjson generation "$generation" --slurpfile set "$file_set" \
    '$set[0].values as $values | {$cluster, $generation, recovery_threshold: $values.threshold,
      encrypted: ($values.initialise | has("recovery_pgp_keys")),
      recovery_keys: (.recovery_keys_base64 // .keys_base64)}' <<<"$reply_body")
  reply_body=
  store_unfinished_keys "$keys"
}

finish_keys() {
  read_key_store
  refuse_foreign_keys
  aws_patience_seconds=120 # all is done but this
  if [[ $keys_kept == none ]] && keep_keys "$keys"; then
    keys_kept=ours
    initialised=true
  else
    keys_kept=sibling
  fi
  keys=
}

# Another server of this generation was first: its Vault is the cluster's, and ours, which nobody has seen, goes.
give_way() {
  log "another server has made the cluster's Vault"
  ! is_initialised || empty_vault
  rm -f "$made_by" # what is here from now on is not ours to empty
}

# There are keys, so there is a Vault: this server has it, or joins it.
wait_for_vault() {
  local -r end=$((SECONDS + 60))
  until is_initialised; do
    ((SECONDS < end)) || fail 70 "recovery keys are kept, but this node's Vault is not initialised and joins none: \
the keys are never written over"
    sleep 1
  done
  ! waits_for_shares || wait_until 60 "Vault's unsealing" unseal_vault
  wait_until 60 "Vault's leader" is_active
}

waits_for_shares() {
  read_seal_status && reply_has type '"shamir"' && reply_has initialized true && reply_has sealed true
}

is_active() {
  vault_api GET sys/health
  obstacle="Vault's health is $reply_status"
  [[ $reply_status == 200 || $reply_status == 429 ]]
}

main "$@"
