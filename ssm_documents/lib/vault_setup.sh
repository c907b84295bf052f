# shellcheck shell=bash
# What a root token is for: audit, auth methods, policies.
source "${BASH_SOURCE[0]%/*}/api.sh"
source "${BASH_SOURCE[0]%/*}/configuration.sh"
source "${BASH_SOURCE[0]%/*}/vault_writes.sh"

# However the script ends, its root token does not outlive it.
before_end() {
  [[ -z $vault_token ]] || vault_api POST auth/token/revoke-self
}

# vault_request METHOD PATH [BODY]: wants a 200 or 204; a node that has just become active may need a moment.
vault_request() {
  wait_until 45 "Vault's $2" try_vault_request "$@"
}

try_vault_request() {
  vault_api "$@"
  [[ $reply_status != 20[04] ]] || return 0
  obstacle="Vault answered $(describe_reply)"
  [[ $reply_status != 4?? || $reply_status == 429 ]] || fail 70 "Vault's $2: $obstacle"
  return 1
}

# mount: audit, engines and auth methods of the file set's `values`. Audit first: what follows is on record.
mount() {
  local rows method path body
  rows=$(jq --raw-output '.values
    | ({method: "PUT", kind: "audit"}, {method: "POST", kind: "mounts"}, {method: "POST", kind: "auth"}) as $mount
    | .[$mount.kind] | to_entries[] | "\($mount.method)\tsys/\($mount.kind)/\(.key)\t\(.value | tojson)"' "$file_set")
  while IFS=$'\t' read -r method path body; do
    [[ -n $path ]] || continue
    vault_request "$method" "$path" "$body"
    log "made $path"
  done <<<"$rows"
}

# write_policies: `<accessor of NAME>` in their text becomes the name that Vault chose for the auth method NAME.
write_policies() {
  local rows name body
  vault_request GET sys/auth
  # shellcheck disable=SC2016 # jq's variables
  rows=$(jq --raw-output --slurpfile auth <(printf '%s' "$reply_body") '
    def filled: reduce ($auth[0].data | to_entries[]) as $method
      (.; split("<accessor of \($method.key | rtrimstr("/"))>") | join($method.value.accessor));
    .values.policies | to_entries[] | "\(.key)\t\({policy: (.value | filled)} | tojson)"' "$file_set")
  while IFS=$'\t' read -r name body; do
    [[ -n $name ]] || continue
    vault_request PUT "sys/policies/acl/$name" "$body"
    log "wrote policy $name"
  done <<<"$rows"
}

# revoke_root_token: Vault has no other one, as it was made by this run.
revoke_root_token() {
  vault_request POST auth/token/revoke-self
  vault_token=
}
