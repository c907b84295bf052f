# shellcheck shell=bash
# What is to be written to Vault, by whoever may: with a root token, or a server as itself.
source "${BASH_SOURCE[0]%/*}/configuration.sh"

writes_made=0

# make_writes COMMAND...: each of what `values` has under "writes", by COMMAND... PATH BODY.
make_writes() {
  local rows path entry
  rows=$(jq --raw-output '.writes[] | "\(.path)\t\(tojson)"' <<<"$values")
  while IFS=$'\t' read -r path entry; do
    [[ -n $path ]] || continue
    "$@" "$path" "$(with_files_read "$entry")"
    log "wrote $path"
    writes_made=$((writes_made + 1))
  done <<<"$rows"
}
