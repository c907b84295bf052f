#!/usr/bin/env bash
# Begins to move allocations off this client, and tells how far that is. It waits for nothing: whoever asks comes back.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/service.sh"
source "${BASH_SOURCE[0]%/*}/../lib/secrets.sh"
source "${BASH_SOURCE[0]%/*}/../lib/nomad_drain.sh"

require_parameters Cluster Region Bucket SecretsPrefix DeadlineSeconds
readonly deadline_seconds=${SSM_DeadlineSeconds:?}

main() {
  local draining=false allocations=0
  if is_running nomad; then
    require_secret nomad/operator-token-client
    nomad_token=$secret_value
    wait_until 30 "the Nomad node" read_nomad_node
    if ! is_drained; then
      is_draining || begin_drain "$deadline_seconds"
      draining=true
      allocations=$(count_allocations)
    fi
  fi
  result "{\"draining\":$draining,\"allocations\":$allocations}"
}

# What this host runs, by its own gauges: the API lists allocations only to those who may read every job. They are up to
# ten seconds old, so that they tell an operator how far it is, and not whether it is done.
count_allocations() {
  nomad_api GET metrics
  jq '[.Gauges[]? | select(.Name | test("client[.]allocations[.](running|pending)$")).Value] | add // 0' \
    <<<"$reply_body" || echo 0
}

main "$@"
