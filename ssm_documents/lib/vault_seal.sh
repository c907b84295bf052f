# shellcheck shell=bash
# Whether Vault is sealed on this node, and which cluster it is of.
source "${BASH_SOURCE[0]%/*}/api.sh"

sealed=null
vault_cluster=null

# tells_open: whether the seal status in reply_body says so.
tells_open() {
  reply_has initialized true && reply_has sealed false
}

# read_seal: a probe, which needs no login; a sealed Vault tells no cluster id.
read_seal() {
  local id
  succeeds vault GET sys/seal-status || return 1
  obstacle="what Vault tells of its seal is not understood"
  # shellcheck disable=SC2034 # the caller reads both
  if reply_has sealed true; then
    sealed=true
  elif reply_has sealed false; then
    sealed=false
  else
    return 1
  fi
  vault_cluster=null
  # shellcheck disable=SC2034
  ! read_plain cluster_id id || vault_cluster=\"$id\"
}
