# shellcheck shell=bash
# Vault unsealed by key shares, which the server reads itself. Where KMS unseals it, nothing is read.
source "${BASH_SOURCE[0]%/*}/vault_seal.sh"
source "${BASH_SOURCE[0]%/*}/secrets.sh"

unsealed_here=false

# unseal_vault: a probe; Vault is open, or opened with the kept shares. One that joins has to have found whom first.
unseal_vault() {
  read_seal_status || return 1
  ! tells_open || return 0
  reply_has type '"shamir"' || return 1
  reply_has initialized true || return 1
  obstacle="no keys are kept yet"
  read_secret "$key_secret" || return 1
  local -r kept=$secret_value
  secret_value=
  unseal_with "$kept"
}

# unseal_with KEPT: the document of the key store. Shares that a run left half given are forgotten first.
unseal_with() {
  local key
  give_to_seal '{"reset":true}' || return 1
  while read -r key; do
    give_to_seal "{\"key\":\"$key\"}" || return 1
  done <<<"$(jq --raw-output '.recovery_keys[:.recovery_threshold][]' <<<"$1")"
  try_for 15 is_open || return 1 # one that joins is open a moment later
  log "unsealed vault"
  # shellcheck disable=SC2034 # the caller reads it
  unsealed_here=true
}

give_to_seal() {
  vault_api PUT sys/unseal "$1"
  obstacle="unsealing answered $(describe_reply)"
  [[ $reply_status == 200 ]]
}

is_open() {
  read_seal_status && tells_open
}

# read_seal_status: a probe; what was told is in reply_body, and in words in `obstacle`.
read_seal_status() {
  local type=unknown
  succeeds vault GET sys/seal-status || return 1
  read_plain type type || true # then it is unknown
  obstacle="seal status: $type"
  reply_has initialized true || obstacle+=", not initialised"
  reply_has sealed false || obstacle+=", sealed"
}
