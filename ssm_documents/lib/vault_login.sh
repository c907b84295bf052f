# shellcheck shell=bash
# Vault knows a server by its certificate; its token is a batch token of minutes, with nothing to revoke.
source "${BASH_SOURCE[0]%/*}/api.sh"

# log_in_to_vault: a probe; the token is in vault_token.
log_in_to_vault() {
  [[ -z $vault_token ]] || return 0
  vault_api POST auth/cert/login '{}' --cert "$certificate_file" --key "$key_file"
  if [[ $reply_status != 200 ]]; then
    obstacle="login with the node's certificate answered $(describe_reply)"
    return 1
  fi
  obstacle="Vault's login gave no token"
  read_plain client_token vault_token || return 1
  reply_body=
}

raft_configuration=

# read_raft_configuration: a probe; Vault's answer, as JSON, is in raft_configuration.
read_raft_configuration() {
  log_in_to_vault || return 1
  if ! succeeds vault GET sys/storage/raft/configuration; then
    [[ $reply_status != 403 ]] || vault_token= # it has expired
    return 1
  fi
  # shellcheck disable=SC2034 # the caller reads it
  raft_configuration=$reply_body
}
