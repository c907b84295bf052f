# shellcheck shell=bash
# The keys of Nomad's gossip, which is the servers' alone.
source "${BASH_SOURCE[0]%/*}/rekey.sh"
source "${BASH_SOURCE[0]%/*}/nomad_token.sh"

# read_alive: a probe. A server's name there ends with its region.
read_alive() {
  succeeds nomad GET agent/members || return 1
  alive=$(jq --raw-output '.Members[] | select(.Status == "alive").Name | sub("\\..*$"; "")' <<<"$reply_body")
}

# read_ring: a probe. Nomad does not tell with which key its members speak (command/agent/agent_endpoint.go).
read_ring() {
  succeeds nomad GET agent/keyring/list || return 1
  ring=$(jq --compact-output '{nodes: .NumNodes, keys: .Keys, primaries: null}' <<<"$reply_body")
  reply_body=
}

# change_key VERB KEY
change_key() {
  nomad_api PUT "agent/keyring/$1" "{\"Key\":$(json_string "$2")}"
}
