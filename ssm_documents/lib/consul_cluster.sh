# shellcheck shell=bash
# Which cluster of Consul this node is of.
source "${BASH_SOURCE[0]%/*}/api.sh"

consul_cluster=null

# read_consul_cluster: a probe. Consul has no id of its own; that of its mesh's authority is made once in a cluster's
# life (agent/consul/leader_connect_ca.go), a moment after the first election.
read_consul_cluster() {
  local domain
  succeeds consul GET connect/ca/roots || return 1
  obstacle="Consul has no cluster id yet"
  read_plain TrustDomain domain && [[ -n ${domain%%.*} ]] || return 1
  consul_cluster=\"${domain%%.*}\"
}
