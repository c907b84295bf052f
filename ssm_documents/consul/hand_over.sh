#!/usr/bin/env bash
# Gives Consul's leadership from this server to another voter, and sees that it leads.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/hand_over.sh"
source "${BASH_SOURCE[0]%/*}/../lib/consul_raft.sh"

require_parameters Cluster Region Bucket SecretsPrefix Fencing LeaseTable PeerId Subject FewestVoters SpareVoters
readonly product=consul

main() {
  use_consul_token
  hand_over
}

main "$@"
