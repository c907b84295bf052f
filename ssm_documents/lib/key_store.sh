# shellcheck shell=bash
# The one secret that keeps Vault's recovery keys. Tried before Vault is initialised; never written over.
source "${BASH_SOURCE[0]%/*}/new_secrets.sh"

recovery_secret=vault/recovery-keys
recovery_keys=

# read_recovery_keys: the stored document is in recovery_keys; fails where there is none. The first version that a
# secret ever gets is its current one, so a probe may be: it has no keys.
read_recovery_keys() {
  recovery_keys=
  read_secret "$recovery_secret" || return 1
  recovery_keys=$(jq --compact-output 'select(.recovery_keys)' <<<"$secret_value") ||
    fail 70 "secret $recovery_secret holds something that is no JSON"
  secret_value=
  [[ -n $recovery_keys ]]
}

# try_key_store: what is written must be what is read, under a label that no reader of keys asks for.
try_key_store() {
  local -r probe="{\"probe\":\"generation ${SSM_Generation:?}\"}"
  write_secret "$recovery_secret" "$probe" QUORATE_PROBE ||
    fail 70 "the key store holds another probe of this generation"
  read_secret "$recovery_secret" QUORATE_PROBE || secret_value=
  [[ $secret_value == "$probe" ]] || fail 70 "the key store does not return what was written to it"
}
