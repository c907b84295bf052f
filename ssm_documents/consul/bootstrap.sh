#!/usr/bin/env bash
# Makes Consul's ACL system ours, with a token that existed before, and the policies and tokens that nodes use.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/secrets.sh"
source "${BASH_SOURCE[0]%/*}/../lib/access.sh"

require_parameters Cluster Region Bucket SecretsPrefix Generation ConfigurationKey ConfigurationSha256
readonly configuration_key=${SSM_ConfigurationKey:?}
readonly configuration_sha256=${SSM_ConfigurationSha256:?}

main() {
  fetch_file_set "$configuration_key" "$configuration_sha256"
  require_secret "$(jq --raw-output .values.management_secret "$file_set")"
  management_token=$secret_value
  wait_until 150 "Consul's leader" has_leader consul
  wait_until 60 "Consul's ACL bootstrap" bootstrap_acl
  consul_token=$management_token
  ensure_policies .values
  ensure_tokens
  result "{\"bootstrapped\":$bootstrapped,\"written\":$objects_written}"
}

bootstrapped=false

# A repetition is refused with 403; whether it is our own shows by whether our token manages.
bootstrap_acl() {
  consul_api PUT acl/bootstrap "{\"BootstrapSecret\":$(json_string "$management_token")}"
  case $reply_status in
  200) bootstrapped=true ;;
  403) is_ours ;;
  *)
    obstacle="Consul answered $(describe_reply)"
    return 1
    ;;
  esac
}

is_ours() {
  consul_token=$management_token
  consul_api GET acl/token/self
  consul_token=
  [[ $reply_status != 403 ]] || fail 70 "somebody else bootstrapped Consul's ACLs: our management token is unknown"
  obstacle="Consul answered $reply_status to our management token"
  [[ $reply_status == 200 ]]
}

ensure_tokens() {
  local rows secret accessor body value
  rows=$(jq --raw-output '.values.tokens[] | "\(.secret)\t\(.body.AccessorID)\t\(.body | tojson)"' "$file_set")
  while IFS=$'\t' read -r secret accessor body; do
    require_secret "$secret"
    value=$(json_string "$secret_value")
    ensure_object "token for $secret" "acl/token/$accessor" acl/token 'acl/token/{.AccessorID}' \
      "${body%\}},\"SecretID\":$value}"
  done <<<"$rows"
}

main "$@"
