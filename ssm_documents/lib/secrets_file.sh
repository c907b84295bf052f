# shellcheck shell=bash
# The secrets that a product reads from its own configuration directory.
source "${BASH_SOURCE[0]%/*}/configuration.sh"
source "${BASH_SOURCE[0]%/*}/secrets.sh"

# put_secrets_file PATH OWNER GROUP: the secrets that `values.secrets` places, as JSON that the product merges itself.
put_secrets_file() {
  local -r path=$1 owner=$2 group=$3
  local rows place name document='{}'
  rows=$(jq --raw-output '.values.secrets[] | "\(.secret)\t\(.path | tojson)"' "$file_set")
  while IFS=$'\t' read -r name place; do
    require_secret "$name"
    document=$(jq --compact-output --argjson place "$place" --rawfile value <(printf '%s' "$secret_value") \
      'setpath($place; $value)' <<<"$document")
  done <<<"$rows"
  printf '%s\n' "$document" >"$work_dir/content"
  put_file "$work_dir/content" "$path" 0640 "$owner" "$group"
}
