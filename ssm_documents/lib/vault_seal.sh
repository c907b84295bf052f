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
  local facts
  succeeds vault GET sys/seal-status || return 1
  obstacle="what Vault tells of its seal is not understood"
  facts=$(jq --compact-output '(.sealed | booleans), (.cluster_id | strings | select(. != ""))' <<<"$reply_body") ||
    return 1
  [[ $facts == true* || $facts == false* ]] || return 1
  # shellcheck disable=SC2034 # the caller reads it
  sealed=${facts%%$'\n'*}
  vault_cluster=null
  # shellcheck disable=SC2034 # the caller reads it too
  [[ $facts != *$'\n'* ]] || vault_cluster=${facts#*$'\n'}
}
