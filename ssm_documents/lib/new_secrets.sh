# shellcheck shell=bash
# Filling secrets, once: the generation fixes the client request token, so of two writers one is refused and reads.
source "${BASH_SOURCE[0]%/*}/secret_store.sh"

# write_secret NAME VALUE [LABEL]: fails where this generation has stored another value already.
write_secret() {
  local -r label=${3:-AWSCURRENT}
  store_version "$1" "$2" "$label" "$1 $label generation ${SSM_Generation:?}"
}

secrets_made=0

# ensure_secret NAME MAKER...: filled with what MAKER prints, once; leaves the value that counts in secret_value.
ensure_secret() {
  local -r name=$1
  shift
  ! read_secret "$name" || return 0
  local made
  made=$("$@")
  if write_secret "$name" "$made"; then
    secret_value=$made
    secrets_made=$((secrets_made + 1))
  else
    require_secret "$name" # the value of whoever was first
  fi
}

make_token() {
  cat /proc/sys/kernel/random/uuid
}

# make_keyring: as keyring.sh reads it.
make_keyring() {
  printf '{"rotation":0,"keys":["%s"]}' "$(make_key)"
}
