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

values=

# read_values: `values` of the file set, as JSON.
read_values() {
  # shellcheck disable=SC2034 # the caller reads it
  values=$(jq --compact-output '.values' "$file_set")
}

# with_files_read JSON: its `body`, with the text of the node's files that `from_files` names put at their dotted keys.
with_files_read() {
  local rows body key file
  rows=$(jq --raw-output '(.body | tojson), (.from_files // {} | to_entries[] | [.key, .value] | @tsv)' <<<"$1")
  body=${rows%%$'\n'*}
  while IFS=$'\t' read -r key file; do
    [[ -n $file ]] || continue # the body itself
    body=$(jq --compact-output --arg key "$key" --rawfile text "$root$file" \
      'setpath($key | split("."); $text)' <<<"$body")
  done <<<"$rows"
  printf '%s' "$body"
}
