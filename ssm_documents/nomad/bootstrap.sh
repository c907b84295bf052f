#!/usr/bin/env bash
# Makes Nomad's ACL system ours, with a token that existed before; then its policies, the tokens that nodes verify with,
# and what the identities of its workloads need in Consul.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/secrets.sh"
source "${BASH_SOURCE[0]%/*}/../lib/new_secrets.sh"
source "${BASH_SOURCE[0]%/*}/../lib/access.sh"

require_parameters Cluster Region Bucket SecretsPrefix Generation ConfigurationKey ConfigurationSha256
readonly configuration_key=${SSM_ConfigurationKey:?}
readonly configuration_sha256=${SSM_ConfigurationSha256:?}

main() {
  fetch_file_set "$configuration_key" "$configuration_sha256"
  require_secret "$(jq --raw-output .values.management_secret "$file_set")"
  management_token=$secret_value
  wait_until 150 "Nomad's leader" has_leader nomad
  wait_until 60 "Nomad's ACL bootstrap" bootstrap_acl
  nomad_token=$management_token
  ensure_nomad_policies
  ensure_nomad_tokens
  ensure_consul_objects
  result "{\"bootstrapped\":$bootstrapped,\"written\":$objects_written}"
}

bootstrapped=false

# A repetition is refused with 400; whether it is our own shows by whether our token manages.
bootstrap_acl() {
  nomad_api PUT acl/bootstrap "{\"BootstrapSecret\":$(json_string "$management_token")}"
  case $reply_status:$reply_body in
  200:*) bootstrapped=true ;;
  400:*"already done"*) is_ours ;;
  *)
    obstacle="Nomad answered $(describe_reply)"
    return 1
    ;;
  esac
}

is_ours() {
  nomad_token=$management_token
  nomad_api GET acl/token/self
  nomad_token=
  [[ $reply_status != 403 ]] || fail 70 "somebody else bootstrapped Nomad's ACLs: our management token is unknown"
  obstacle="Nomad answered $reply_status to our management token"
  [[ $reply_status == 200 ]] && jq --exit-status '.Type == "management"' <<<"$reply_body" >/dev/null
}

ensure_nomad_policies() {
  local rows name body
  rows=$(jq --raw-output '.values.policies[] | "\(.Name)\t\(tojson)"' "$file_set")
  while IFS=$'\t' read -r name body; do
    nomad_api GET "acl/policy/$name"
    if [[ $reply_status == 200 ]] && same "$body" "$reply_body"; then
      continue
    fi
    nomad_api POST "acl/policy/$name" "$body"
    [[ $reply_status == 200 ]] || fail 75 "making Nomad's policy $name answered $(describe_reply)"
    log "made Nomad's policy $name"
    objects_written=$((objects_written + 1))
  done <<<"$rows"
}

ensure_nomad_tokens() {
  local rows secret name body
  rows=$(jq --raw-output '.values.tokens[] | "\(.secret)\t\(.body.Name)\t\(.body | tojson)"' "$file_set")
  while IFS=$'\t' read -r secret name body; do
    ensure_nomad_token "$secret" "$name" "$body"
  done <<<"$rows"
}

# ensure_nomad_token SECRET NAME BODY: Nomad chooses a token's secret id. One that was made and never stored is of no
# use to anybody: it goes before another is made.
ensure_nomad_token() {
  local -r secret=$1 name=$2 body=$3
  ! is_stored "$secret" || return 0
  forget_tokens "$name"
  nomad_api PUT acl/token "$body"
  [[ $reply_status == 200 ]] || fail 75 "making Nomad's token for $secret answered $(describe_reply)"
  local made
  read_plain SecretID made || fail 70 "Nomad answered without the token for $secret"
  reply_body=
  write_secret "$secret" "$made" || fail 70 "secret $secret holds a token that Nomad does not know"
  log "made Nomad's token for $secret"
  objects_written=$((objects_written + 1))
}

# is_stored SECRET: whether it holds a token that Nomad knows.
is_stored() {
  read_secret "$1" || return 1
  nomad_token=$secret_value
  nomad_api GET acl/token/self
  nomad_token=$management_token
  case $reply_status in
  200) return 0 ;;
  403) return 1 ;;
  *) fail 75 "asking Nomad for the token of $1 answered $(describe_reply)" ;;
  esac
}

# forget_tokens NAME
forget_tokens() {
  nomad_api GET acl/tokens
  [[ $reply_status == 200 ]] || fail 75 "listing Nomad's tokens answered $(describe_reply)"
  local accessor
  while read -r accessor; do
    [[ -n $accessor ]] || continue
    nomad_api DELETE "acl/token/$accessor"
    [[ $reply_status == 200 ]] || fail 75 "deleting Nomad's token $accessor answered $(describe_reply)"
  done <<<"$(jq --raw-output --arg name "$1" '.[] | select(.Name == $name) | .AccessorID' <<<"$reply_body")"
}

ensure_consul_objects() {
  require_secret "$(jq --raw-output .values.consul.management_secret "$file_set")"
  consul_token=$secret_value
  wait_until 120 "Consul's ACL system" succeeds consul GET acl/token/self # its bootstrap runs beside this one
  ensure_policies .values.consul
  ensure_roles .values.consul
  ensure_auth_methods .values.consul
  ensure_binding_rules .values.consul
}

main "$@"
