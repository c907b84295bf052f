# shellcheck shell=bash
# Consul's ACL objects from a file set's values: made where they are not, changed where they differ, else left alone.
# Needs Consul's management token in consul_token.
source "${BASH_SOURCE[0]%/*}/api.sh"
source "${BASH_SOURCE[0]%/*}/configuration.sh"

objects_written=0

# Whether $have holds all that $want asks for; what Consul adds of its own (ids, hashes, indexes) does not count.
# shellcheck disable=SC2016 # jq's variables
covers='def covers($want; $have):
  if ($want | type) == "object" then
    ($have | type) == "object" and all($want | keys[]; . as $key | covers($want[$key]; $have[$key]))
  elif ($want | type) == "array" then
    ($have | type) == "array" and ($want | length) == ($have | length)
      and all(range($want | length); . as $index | covers($want[$index]; $have[$index]))
  else $want == $have end;'

# same WANT HAVE: both JSON.
same() {
  jq --null-input --exit-status --slurpfile want <(printf '%s' "$1") --slurpfile have <(printf '%s' "$2") \
    "$covers covers(\$want[0]; \$have[0])" >/dev/null
}

# ensure_object WHAT READ_PATH CREATE_PATH UPDATE_PATH BODY: UPDATE_PATH may end with a jq filter of what was read, as
# `acl/policy/{.ID}`. It is made first and looked at only if that is refused: mostly it is not there.
ensure_object() {
  local -r what=$1 read_path=$2 create_path=$3 update_path=$4 body=$5
  if try_object "$create_path" "$body"; then
    note_object "$what"
    return 0
  fi
  consul_api GET "$read_path"
  case $reply_status in
  200)
    ! same "$body" "$reply_body" || return 0
    local id=${update_path#*\{}
    id=$(jq --raw-output "${id%\}}" <<<"$reply_body")
    write_object "$what" "${update_path%%\{*}$id" "$body"
    ;;
  # An unknown accessor of a token is told as a 403 by some versions.
  403 | 404) write_object "$what" "$create_path" "$body" ;;
  *) fail 75 "reading $what answered $(describe_reply)" ;;
  esac
}

# write_object WHAT PATH BODY
write_object() {
  wait_until 60 "making $1" try_object "$2" "$3"
  note_object "$1"
}

note_object() {
  log "made $1"
  objects_written=$((objects_written + 1))
}

# Consul answers 400 or 500 to an auth method while it cannot fetch its keys yet: the reason says which it was.
try_object() {
  consul_api PUT "$1" "$2"
  [[ $reply_status != 200 ]] || return 0
  obstacle="Consul answered $(describe_reply)"
  return 1
}

# Each row is a name and a body: one jq for all, as it takes longer than the call itself. VALUES says, as a jq filter,
# where in the file set they are.

# ensure_policies VALUES
ensure_policies() {
  local rows name body
  rows=$(jq --raw-output "$1"'.policies[]? | "\(.Name)\t\(tojson)"' "$file_set")
  while IFS=$'\t' read -r name body; do
    [[ -n $name ]] || continue
    ensure_object "policy $name" "acl/policy/name/$name" acl/policy 'acl/policy/{.ID}' "$body"
  done <<<"$rows"
}

# ensure_roles VALUES
ensure_roles() {
  local rows name body
  rows=$(jq --raw-output "$1"'.roles[]? | "\(.Name)\t\(tojson)"' "$file_set")
  while IFS=$'\t' read -r name body; do
    [[ -n $name ]] || continue
    ensure_object "role $name" "acl/role/name/$name" acl/role 'acl/role/{.ID}' "$body"
  done <<<"$rows"
}

# ensure_auth_methods VALUES: looked at first, because making one that is there changes it silently.
ensure_auth_methods() {
  local rows name body files
  rows=$(jq --raw-output "$1"'.auth_methods[]?
    | "\(.body.Name)\t\(.body | tojson)\t\(.from_files // {} | tojson)"' "$file_set")
  while IFS=$'\t' read -r name body files; do
    [[ -n $name ]] || continue
    body=$(with_files_read "$body" "$files")
    consul_api GET "acl/auth-method/$name"
    if [[ $reply_status == 200 ]] && same "$body" "$reply_body"; then
      continue
    fi
    write_object "auth method $name" acl/auth-method "$body"
  done <<<"$rows"
}

# ensure_binding_rules VALUES: they have no names; method, type and target say which is which.
ensure_binding_rules() {
  local rows method body found
  rows=$(jq --raw-output "$1"'.binding_rules[]? | "\(.AuthMethod)\t\(tojson)"' "$file_set")
  while IFS=$'\t' read -r method body; do
    [[ -n $method ]] || continue
    consul_api GET "acl/binding-rules?authmethod=$method"
    [[ $reply_status == 200 ]] || fail 75 "reading binding rules answered $(describe_reply)"
    found=$(jq --compact-output --argjson want "$body" \
      'map(select(.BindType == $want.BindType and .BindName == $want.BindName)) | first // empty' <<<"$reply_body")
    if [[ -z $found ]]; then
      write_object "binding rule" acl/binding-rule "$body"
    elif ! same "$body" "$found"; then
      write_object "binding rule" "acl/binding-rule/$(jq --raw-output .ID <<<"$found")" "$body"
    fi
  done <<<"$rows"
}
