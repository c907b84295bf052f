# shellcheck shell=bash
# What a root token is for: audit, auth methods, policies. Where one comes from later, and how all of them end.
source "${BASH_SOURCE[0]%/*}/api.sh"
source "${BASH_SOURCE[0]%/*}/configuration.sh"

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

# make_root_token STORED: from the stored recovery keys. Vault hands it out under a one-time pad that it told before.
make_root_token() {
  local nonce pad key
  vault_request DELETE sys/generate-root/attempt # one that was cut off would be in the way
  vault_request PUT sys/generate-root/attempt '{}'
  nonce=$(jq --raw-output .nonce <<<"$reply_body")
  pad=$(jq --raw-output .otp <<<"$reply_body")
  while read -r key; do
    vault_request PUT sys/generate-root/update "{\"key\":\"$key\",\"nonce\":\"$nonce\"}"
  done <<<"$(jq --raw-output '.recovery_keys[:.recovery_threshold][]' <<<"$1")"
  vault_token=$(remove_pad "$(jq --raw-output .encoded_token <<<"$reply_body")" "$pad")
  reply_body=
}

# remove_pad ENCODED PAD: exclusive or, byte by byte.
remove_pad() {
  local encoded=$1
  local -r pad=$2
  local bytes index code octal token=
  while ((${#encoded} % 4)); do
    encoded+="=" # Vault leaves the padding out
  done
  mapfile -t bytes < <(printf '%s' "$encoded" | base64 --decode | od -A n -t u1 -w1 -v)
  for index in "${!bytes[@]}"; do
    printf -v code '%d' "'${pad:index:1}"
    printf -v octal '\\%03o' $((bytes[index] ^ code))
    token+=$octal
  done
  printf '%b' "$token"
}

# ensure_mounted PATH KEY METHOD: what `values` has under KEY, where Vault lists nothing of that name.
ensure_mounted() {
  local -r path=$1 key=$2 method=$3
  local rows name body
  vault_request GET "$path"
  rows=$(jq --raw-output --arg key "$key" --argjson values "$values" \
    '.data as $mounted | $values[$key] | to_entries[] | select($mounted["\(.key)/"] | not)
      | "\(.key)\t\(.value | tojson)"' <<<"$reply_body")
  while IFS=$'\t' read -r name body; do
    [[ -n $name ]] || continue
    vault_request "$method" "$path/$name" "$body"
    log "made $path/$name"
  done <<<"$rows"
}

write_policies() {
  local rows name body
  rows=$(jq --raw-output '.policies | to_entries[] | "\(.key)\t\({policy: .value} | tojson)"' <<<"$values")
  while IFS=$'\t' read -r name body; do
    [[ -n $name ]] || continue
    vault_request PUT "sys/policies/acl/$name" "$body"
    log "wrote policy $name"
  done <<<"$rows"
}

make_writes() {
  local rows path entry
  rows=$(jq --raw-output '.writes[] | "\(.path)\t\(tojson)"' <<<"$values")
  while IFS=$'\t' read -r path entry; do
    [[ -n $path ]] || continue
    vault_request POST "$path" "$(with_files_read "$entry")"
    log "wrote $path"
  done <<<"$rows"
}

# revoke_root_tokens: those of runs that were cut off, then our own.
revoke_root_tokens() {
  local own accessor
  vault_request GET auth/token/lookup-self
  own=$(jq --raw-output .data.accessor <<<"$reply_body")
  vault_request LIST auth/token/accessors
  while read -r accessor; do
    [[ -n $accessor && $accessor != "$own" ]] || continue
    vault_api POST auth/token/lookup-accessor "{\"accessor\":\"$accessor\"}"
    [[ $reply_status == 200 ]] || continue # it expired meanwhile
    jq --exit-status '.data.policies | index("root")' <<<"$reply_body" >/dev/null || continue
    vault_request POST auth/token/revoke-accessor "{\"accessor\":\"$accessor\"}"
    log "revoked a root token that was left behind"
  done <<<"$(jq --raw-output '.data.keys[]' <<<"$reply_body")"
  vault_request POST auth/token/revoke-self
  vault_token=
}
