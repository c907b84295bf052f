#!/usr/bin/env bash
# Tells Nomad's membership as its leader sees it. Nomad's API tells no id of the cluster.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/observation.sh"
source "${BASH_SOURCE[0]%/*}/../lib/nomad_raft.sh"

require_parameters Cluster Region Bucket SecretsPrefix

main() {
  use_nomad_token
  observe nomad
}

main "$@"
