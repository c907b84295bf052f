#!/usr/bin/env bash
# Tells Vault where the keys are that Nomad signs the identities of workloads with.
#
# Vault fetches them before it takes the address, so it is told when both run; by then its root token is gone, and the
# server does it as itself: its policy allows this write alone. It waits for Vault's own bootstrap, which runs beside
# this one: what was told to a Vault that is still alone would go with it, were that one emptied.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/vault_writes.sh"
source "${BASH_SOURCE[0]%/*}/../lib/vault_alone.sh"
source "${BASH_SOURCE[0]%/*}/../lib/vault_login.sh"

require_parameters Cluster Region Bucket Generation ConfigurationKey ConfigurationSha256
readonly configuration_key=${SSM_ConfigurationKey:?}
readonly configuration_sha256=${SSM_ConfigurationSha256:?}

main() {
  fetch_file_set "$configuration_key" "$configuration_sha256"
  wait_until 150 "Vault's bootstrap" is_made
  make_writes write_patiently
  result "{\"written\":$writes_made}"
}

is_made() {
  obstacle="Vault is still alone"
  [[ ! -d $root$alone ]] || return 1
  obstacle="Vault is not initialised"
  is_initialised && log_in_to_vault
}

# write_patiently PATH BODY
write_patiently() {
  wait_until 120 "Vault's $1" try_write "$@"
}

# try_write PATH BODY: a 400 is what Vault says while nobody answers with keys.
try_write() {
  log_in_to_vault || return 1
  vault_api POST "$1" "$2"
  [[ $reply_status != 20[04] ]] || return 0
  [[ $reply_status != 403 ]] || vault_token= # it has expired
  obstacle="Vault answered $(describe_reply)"
  return 1
}

main "$@"
