# shellcheck shell=bash
# Tokens beside those that nodes use: each is made, then stored under its rotation's mark. One that was made and never
# stored is of no use to anybody and goes first. When nobody uses the ones before any more, they are deleted.
source "${BASH_SOURCE[0]%/*}/api.sh"
source "${BASH_SOURCE[0]%/*}/configuration.sh"
source "${BASH_SOURCE[0]%/*}/lease.sh"
source "${BASH_SOURCE[0]%/*}/secret_store.sh"
source "${BASH_SOURCE[0]%/*}/step.sh"

management_token=

# begin_reissue: what is made and deleted is named by the file set; Consul's management token opens Consul.
begin_reissue() {
  fetch_file_set "${SSM_ConfigurationKey:?}" "${SSM_ConfigurationSha256:?}"
  require_lease
  require_secret "$(jq --raw-output .values.management_secret "$file_set")"
  consul_token=$secret_value
}

# note_reissue STEP
note_reissue() {
  case $1 in
  make) note_step "each token has another beside it" ;;
  retire) note_step "no token of before is left" ;;
  esac
}

# reissue_tokens API STEP: those that `values` has for the product of that name, which its management token makes.
reissue_tokens() {
  local -r api=$1 towards=$2
  local rows secret key body
  management_token=$(token_of "$api")
  rows=$(jq --raw-output --arg api "$api" '.values["\($api)_tokens"][]
    | "\(.secret)\t\(.family // .body.Description)\t\(.body | tojson)"' "$file_set")
  while IFS=$'\t' read -r secret key body; do
    [[ -n $secret ]] || continue
    "${towards}_token" "$api" "$secret" "$key" "$body"
  done <<<"$rows"
}

# token_of API, use_token API TOKEN: the variable that api.sh reads.
token_of() {
  local -r name=${1}_token
  printf '%s' "${!name}"
}

use_token() {
  printf -v "${1}_token" '%s' "$2"
}

mark_of() {
  printf '%s rotation %s' "$1" "${SSM_Rotation:?}"
}

# is_reissued API SECRET: whether this rotation's token is stored, and the product knows it; `reply_body` is the token.
is_reissued() {
  read_version "$2" "$(mark_of "$2")" || return 1
  use_token "$1" "$secret_value"
  "${1}_api" GET acl/token/self
  use_token "$1" "$management_token"
  case $reply_status in
  200) return 0 ;;
  403) fail 70 "secret $2 holds a token that $1 does not know" ;;
  *) fail 75 "asking $1 for the token of $2 answered $(describe_reply)" ;;
  esac
}

# make_token API SECRET FAMILY BODY
make_token() {
  local -r api=$1 secret=$2 body=$4
  local made
  ! is_reissued "$api" "$secret" || return 0
  delete_tokens "$api" "$(own "$body")"
  "${api}_api" PUT acl/token "$body"
  [[ $reply_status == 200 ]] || fail 75 "making $api's token for $secret answered $(describe_reply)"
  read_plain SecretID made || fail 70 "$api answered without the token for $secret"
  reply_body=
  store_version "$secret" "$made" AWSCURRENT "$(mark_of "$secret")" ||
    fail 75 "another server has just written secret $secret"
  log "made $api's token for $secret"
  step_changed=true
}

# retire_token API SECRET FAMILY BODY: all of the family but the one of this rotation.
retire_token() {
  local -r api=$1 secret=$2 family=$3
  local accessor
  is_reissued "$api" "$secret" || fail 70 "no token for $secret was made in rotation $SSM_Rotation"
  read_plain AccessorID accessor || fail 75 "$api tells no accessor of the token for $secret"
  delete_tokens "$api" "select(.AccessorID != \"$accessor\" and ($(member "$family")))"
}

# own BODY: a filter for the token that BODY makes. Consul is told the accessor, Nomad chooses it and is told a name.
own() {
  jq --raw-output 'if .AccessorID then "select(.AccessorID == \(.AccessorID | tojson))"
    else "select(.Name == \(.Name | tojson))" end' <<<"$1"
}

# member FAMILY: a filter for the tokens before it, in Consul by description, in Nomad by how a name begins.
member() {
  local family
  family=$(json_string "$1")
  printf '.Description == %s or .Name == %s or ((.Name // "") | startswith(%s + " rotation "))' "$family" "$family" \
    "$family"
}

# delete_tokens API FILTER
delete_tokens() {
  local -r api=$1
  local accessors accessor
  "${api}_api" GET acl/tokens
  [[ $reply_status == 200 ]] || fail 75 "listing $api's tokens answered $(describe_reply)"
  accessors=$(jq --raw-output ".[] | $2.AccessorID" <<<"$reply_body")
  while read -r accessor; do
    [[ -n $accessor ]] || continue
    "${api}_api" DELETE "acl/token/$accessor"
    [[ $reply_status == 200 ]] || fail 75 "deleting $api's token $accessor answered $(describe_reply)"
    log "deleted $api's token $accessor"
    step_changed=true
  done <<<"$accessors"
}
