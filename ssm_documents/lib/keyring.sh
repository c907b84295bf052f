# shellcheck shell=bash
# The keys of a product's gossip as its secret has them: {"rotation", "keys"}, the one to speak with first. There are
# two while a rotation is under way: a node that starts then understands all others, and they it.
source "${BASH_SOURCE[0]%/*}/configuration.sh"
source "${BASH_SOURCE[0]%/*}/secrets.sh"
source "${BASH_SOURCE[0]%/*}/accounts.sh"

# For the start of a jq program that is given the secret: nothing comes of anything else.
keyring_alone='select(.rotation >= 0 and (.keys | length > 0))'

# put_keyring_file: where `values.keyring` places it. From its first start on the product keeps that file itself, so one
# that is there stays.
put_keyring_file() {
  local place secret path owner
  place=$(jq --raw-output '.values.keyring // empty | "\(.secret)\t\(.path)\t\(.owner)"' "$file_set")
  [[ -n $place ]] || return 0
  IFS=$'\t' read -r secret path owner <<<"$place"
  [[ ! -e $root$path ]] || return 0
  require_secret "$secret"
  jq --compact-output --exit-status "$keyring_alone | .keys" <<<"$secret_value" >"$work_dir/content" ||
    fail 70 "secret ${SSM_SecretsPrefix:?}$secret holds no keyring"
  secret_value=
  ensure_directory "${path%/*/*}" 0700 "$owner" "$owner"
  ensure_directory "${path%/*}" 0700 "$owner" "$owner"
  put_file "$work_dir/content" "$path" 0600 "$owner" "$owner"
}
