# shellcheck shell=bash
# The keys of a product's gossip as its secret has them: {"rotation", "keys"}, the one to speak with first. There are
# two while a rotation is under way: a node that starts then understands all others, and they it.
source "${BASH_SOURCE[0]%/*}/configuration.sh"
source "${BASH_SOURCE[0]%/*}/secrets.sh"
source "${BASH_SOURCE[0]%/*}/accounts.sh"

keyring=

# read_keyring SECRET
read_keyring() {
  require_secret "$1"
  keyring=$(jq --compact-output 'select(.rotation >= 0 and (.keys | length > 0))' <<<"$secret_value") || keyring=
  secret_value=
  [[ -n $keyring ]] || fail 70 "secret ${SSM_SecretsPrefix:?}$1 holds no keyring"
}

# put_keyring_file: where `values.keyring` places it. From its first start on the product keeps that file itself, so one
# that is there stays.
put_keyring_file() {
  local place secret path owner
  place=$(jq --raw-output '.values.keyring // empty | "\(.secret)\t\(.path)\t\(.owner)"' "$file_set")
  [[ -n $place ]] || return 0
  IFS=$'\t' read -r secret path owner <<<"$place"
  [[ ! -e $root$path ]] || return 0
  read_keyring "$secret"
  ensure_directory "${path%/*/*}" 0700 "$owner" "$owner"
  ensure_directory "${path%/*}" 0700 "$owner" "$owner"
  jq --compact-output .keys <<<"$keyring" >"$work_dir/content"
  keyring=
  put_file "$work_dir/content" "$path" 0600 "$owner" "$owner"
}
