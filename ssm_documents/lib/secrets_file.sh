# shellcheck shell=bash
# The secrets that a product reads from its own configuration directory.
source "${BASH_SOURCE[0]%/*}/configuration.sh"
source "${BASH_SOURCE[0]%/*}/secrets.sh"

# put_secrets_file PATH OWNER GROUP: the secrets that `values.secrets` places, as JSON that the product merges itself.
put_secrets_file() {
  local -r path=$1 owner=$2 group=$3
  local rows place name last='' placed=''
  rows=$(jq --raw-output '.values.secrets[] | "\(.secret)\t\(.path | tojson)"' "$file_set")
  while IFS=$'\t' read -r name place; do
    [[ $name == "$last" ]] || require_secret "$name"
    last=$name
    placed+=$place$'\t'$secret_value$'\n'
  done <<<"$rows"
  jq --raw-input --null-input --compact-output \
    'reduce (inputs | select(. != "") | split("\t")) as [$place, $value] ({}; setpath($place | fromjson; $value))' \
    <<<"$placed" >"$work_dir/content"
  put_file "$work_dir/content" "$path" 0640 "$owner" "$group"
}
