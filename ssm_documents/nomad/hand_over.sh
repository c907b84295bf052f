#!/usr/bin/env bash
# Gives Nomad's leadership from this server to another voter, and sees that it leads.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/hand_over.sh"
source "${BASH_SOURCE[0]%/*}/../lib/nomad_raft.sh"

require_parameters Cluster Region Bucket SecretsPrefix Fencing LeaseTable PeerId Subject FewestVoters SpareVoters
readonly product=nomad

main() {
  use_nomad_token
  hand_over
}

main "$@"
