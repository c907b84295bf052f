#!/usr/bin/env bash
# From a server that stays: takes a server that is gone out of Nomad's Raft and off the list of members, or purges the
# node of a client that went.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/remove.sh"
source "${BASH_SOURCE[0]%/*}/../lib/nomad_raft.sh"
source "${BASH_SOURCE[0]%/*}/../lib/nomad_gossip.sh"

require_parameters Cluster Region Bucket SecretsPrefix Kind Fencing LeaseTable PeerId Subject FewestVoters SpareVoters
readonly product=nomad kind=${SSM_Kind:?}

main() {
  require_one_of Kind "$kind" server client
  use_nomad_token
  if [[ $kind == server ]]; then
    remove_server
    nomad_url=https://$(leader_address):4646 # who reconciles Raft with gossip
    forget_server "${SSM_PeerId:?}"
    wait_until 15 "the removal from nomad" is_out
  else
    forget_client "${SSM_Subject:?}"
  fi
  finish_removal "$forgotten"
}

main "$@"
