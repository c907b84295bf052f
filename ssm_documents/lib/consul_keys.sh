# shellcheck shell=bash
# The keys of Consul's gossip: one server reaches all members, clients too.
source "${BASH_SOURCE[0]%/*}/rekey.sh"
source "${BASH_SOURCE[0]%/*}/consul_token.sh"

# read_alive: a probe.
read_alive() {
  succeeds consul GET agent/members || return 1
  alive=$(jq --raw-output '.[] | select(.Status == 1).Name' <<<"$reply_body")
}

# read_ring: a probe. One member that does not answer in time makes the whole answer an error.
read_ring() {
  succeeds consul GET operator/keyring || return 1
  ring=$(jq --compact-output 'map(select(.WAN | not))[0]
    | {nodes: .NumNodes, keys: .Keys, primaries: .PrimaryKeys}' <<<"$reply_body")
  reply_body=
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
