#!/usr/bin/env bash
# Tells Consul's membership as its leader sees it.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/observation.sh"
source "${BASH_SOURCE[0]%/*}/../lib/consul_raft.sh"
source "${BASH_SOURCE[0]%/*}/../lib/consul_cluster.sh"

require_parameters Cluster Region Bucket SecretsPrefix

main() {
  use_consul_token
  # shellcheck disable=SC2034 # observation.sh reads it
  ! is_running consul || ! read_consul_cluster || cluster_id=$consul_cluster
  observe consul
}

main "$@"
