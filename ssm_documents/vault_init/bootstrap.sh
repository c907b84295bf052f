#!/usr/bin/env bash
# Initialises Vault exactly once, keeps its recovery keys before anything else, makes audit, auth and policies with the
# root token, which only this script ever has, and revokes it.
#
# A repetition goes on from what it finds. Where keys are stored it makes itself a root token with them, completes what
# is missing and revokes every root token there is, so that none of a run that was cut off stays behind.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/key_store.sh"
source "${BASH_SOURCE[0]%/*}/../lib/vault_setup.sh"

require_parameters Cluster Region Bucket SecretsPrefix Generation ConfigurationKey ConfigurationSha256
readonly cluster=${SSM_Cluster:?}
readonly generation=${SSM_Generation:?}
readonly configuration_key=${SSM_ConfigurationKey:?}
readonly configuration_sha256=${SSM_ConfigurationSha256:?}

initialised=false

main() {
  fetch_file_set "$configuration_key" "$configuration_sha256"
  read_values
  recovery_secret=$(jq --raw-output .recovery_secret <<<"$values")
  wait_until 60 "Vault's API" succeeds vault GET sys/init
  if read_recovery_keys; then
    wait_for_that_vault
    make_root_token "$recovery_keys"
  else
    ! is_initialised || fail 70 "$keys_are_lost"
    initialise
    wait_until 60 "Vault's leader" is_active
  fi
  ensure_mounted sys/audit audit PUT # first: what follows is on record
  ensure_mounted sys/auth auth POST
  write_policies
  make_writes
  revoke_root_tokens
  result "{\"initialised\":$initialised,\"root_token\":\"revoked\"}"
}

readonly keys_are_lost="Vault is initialised, but its recovery keys were never stored: they are lost. It holds nothing \
yet: stop vault and empty /var/lib/vault on every server, then form the cluster again"

# There are keys, so there is a Vault: this node joins it. A second one would be a cluster beside the first.
wait_for_that_vault() {
  local -r end=$((SECONDS + 60))
  until is_initialised; do
    ((SECONDS < end)) || fail 70 "recovery keys are stored, but this node's Vault is not initialised and joins none: \
the keys are never written over"
    sleep 1
  done
  wait_until 60 "Vault's leader" is_active
}

is_initialised() {
  succeeds vault GET sys/init && jq --exit-status .initialized <<<"$reply_body" >/dev/null
}

# The answer comes once, and between it and the store is nothing but memory.
initialise() {
  try_key_store
  local keys
  vault_api PUT sys/init "$(jq --compact-output '{recovery_shares, recovery_threshold}' <<<"$values")" --max-time 200
  [[ $reply_status == 200 ]] || fail 70 "initialising Vault answered $(describe_reply)"
  vault_token=$(jq --raw-output .root_token <<<"$reply_body")
  keys=$(jq --compact-output --arg cluster "$cluster" --argjson generation "$generation" --argjson values "$values" \
    '{$cluster, $generation, recovery_threshold: $values.recovery_threshold, recovery_keys: .recovery_keys_base64}' \
    <<<"$reply_body")
  reply_body=
  aws_patience_seconds=120 # whatever happens to this script now, those keys are the only ones
  write_secret "$recovery_secret" "$keys" || fail 70 "another run of this generation stored recovery keys meanwhile"
  initialised=true
}

is_active() {
  vault_api GET sys/health
  obstacle="Vault's health is $reply_status"
  [[ $reply_status == 200 || $reply_status == 429 ]]
}

main "$@"
