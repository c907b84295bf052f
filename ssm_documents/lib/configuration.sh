# shellcheck shell=bash
# File sets: what the domain rendered for this node, fetched by key and SHA-256.
source "${BASH_SOURCE[0]%/*}/verified.sh"

file_set=
configuration_changed=false

# fetch_file_set KEY SHA256: its file is in file_set.
fetch_file_set() {
  file_set=$work_dir/file_set.json
  fetch_verified "$1" "$2" "$file_set"
}

# put_file SOURCE PATH MODE OWNER GROUP: the whole file or none of it; a change is noted.
put_file() {
  local -r source=$1 path=$root$2 mode=$3 owner=$4 group=$5
  make_path "${path%/*}"
  local fresh
  fresh=$(mktemp "${path%/*}/.quorate.XXXXXX")
  cat "$source" >"$fresh"
  chown "$owner:$group" "$fresh"
  chmod "$mode" "$fresh"
  if cmp --silent "$fresh" "$path" && [[ $(access_of "$fresh") == "$(access_of "$path")" ]]; then
    rm "$fresh"
    return 0
  fi
  mv "$fresh" "$path"
  log "wrote $path"
  # shellcheck disable=SC2034 # the caller reads it
  configuration_changed=true
}

access_of() {
  stat --format '%a %U %G' "$1"
}

# write_file_set: all its files, in its order.
write_file_set() {
  local rows path mode owner group content
  rows=$(jq --raw-output '.files[] | [.path, .mode, .owner, .group, (.content | @base64)] | @tsv' "$file_set")
  while IFS=$'\t' read -r path mode owner group content; do
    [[ -n $path ]] || continue
    [[ $path == /* && $path != *..* ]] || fail 70 "the file set names the path '$path'"
    base64 --decode <<<"$content" >"$work_dir/content"
    put_file "$work_dir/content" "$path" "$mode" "$owner" "$group"
  done <<<"$rows"
}

# with_files_read BODY FILES: BODY with the text of the node's files that FILES, an entry's `from_files` as JSON, names
# put at their dotted keys.
with_files_read() {
  local body=$1
  local rows key file
  if [[ $2 != '{}' ]]; then
    rows=$(jq --raw-output 'to_entries[] | [.key, .value] | @tsv' <<<"$2")
    while IFS=$'\t' read -r key file; do
      body=$(jq --compact-output --arg key "$key" --rawfile text "$root$file" \
        'setpath($key | split("."); $text)' <<<"$body")
    done <<<"$rows"
  fi
  printf '%s' "$body"
}
