# shellcheck shell=bash
# The keys of Nomad's gossip, which is the servers' alone.
source "${BASH_SOURCE[0]%/*}/rekey.sh"
source "${BASH_SOURCE[0]%/*}/nomad_token.sh"

# A server's name in gossip ends with its region.
# shellcheck disable=SC2034 # rekey.sh reads them
alive_names='.Members[] | select(.Status == "alive").Name | sub("\\..*$"; "")'
# Nomad does not tell with which key its members speak (command/agent/agent_endpoint.go).
# shellcheck disable=SC2034
ring_told='{nodes: .NumNodes, keys: .Keys, primaries: null}'

# read_members: a probe.
read_members() {
  succeeds nomad GET agent/members
}

# read_ring: a probe.
read_ring() {
  succeeds nomad GET agent/keyring/list
}

# change_key VERB KEY
change_key() {
  nomad_api PUT "agent/keyring/$1" "{\"Key\":$(json_string "$2")}"
}
