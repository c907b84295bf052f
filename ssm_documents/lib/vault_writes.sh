# shellcheck shell=bash
# What is to be written to Vault, by whoever may: with a root token, or a server as itself.
source "${BASH_SOURCE[0]%/*}/configuration.sh"

writes_made=0

# make_writes COMMAND...: each of the file set's `values.writes`, by COMMAND... PATH BODY.
make_writes() {
  local rows path body files
  rows=$(jq --raw-output '.values.writes[] | "\(.path)\t\(.body | tojson)\t\(.from_files // {} | tojson)"' "$file_set")
  while IFS=$'\t' read -r path body files; do
    [[ -n $path ]] || continue
    "$@" "$path" "$(with_files_read "$body" "$files")"
    log "wrote $path"
    writes_made=$((writes_made + 1))
  done <<<"$rows"
}
