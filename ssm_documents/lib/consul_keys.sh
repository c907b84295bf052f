# shellcheck shell=bash
# The keys of Consul's gossip: one server reaches all members, clients too.
source "${BASH_SOURCE[0]%/*}/rekey.sh"
source "${BASH_SOURCE[0]%/*}/consul_token.sh"

# shellcheck disable=SC2034 # rekey.sh reads them
alive_names='.[] | select(.Status == 1).Name'
# shellcheck disable=SC2034
ring_told='map(select(.WAN | not))[0] | {nodes: .NumNodes, keys: .Keys, primaries: .PrimaryKeys}'

# read_members: a probe.
read_members() {
  succeeds consul GET agent/members
}

# read_ring: a probe. One member that does not answer in time makes the whole answer an error.
read_ring() {
  succeeds consul GET operator/keyring
}

# change_key VERB KEY
change_key() {
  local method
  case $1 in
  install) method=POST ;;
  use) method=PUT ;;
  remove) method=DELETE ;;
  esac
  consul_api "$method" operator/keyring "{\"Key\":$(json_string "$2")}"
}
