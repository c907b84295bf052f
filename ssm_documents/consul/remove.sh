#!/usr/bin/env bash
# From a server that stays: takes a server that is gone out of Consul's Raft, and whoever went off the list of members.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/remove.sh"
source "${BASH_SOURCE[0]%/*}/../lib/consul_raft.sh"
source "${BASH_SOURCE[0]%/*}/../lib/consul_gossip.sh"

require_parameters Cluster Region Bucket SecretsPrefix Kind Fencing LeaseTable PeerId Subject FewestVoters SpareVoters
readonly product=consul kind=${SSM_Kind:?}

main() {
  require_one_of Kind "$kind" server client
  use_consul_token
  if [[ $kind == server ]]; then
    remove_server
    forget_member id "${SSM_PeerId:?}"
  else
    forget_member name "${SSM_Subject:?}"
  fi
  finish_removal "$forgotten"
}

main "$@"
