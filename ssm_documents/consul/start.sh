#!/usr/bin/env bash
# Starts Consul and sees that its agent answers. Whether it is a member is `verify`'s question.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/service.sh"
source "${BASH_SOURCE[0]%/*}/../lib/api.sh"

require_parameters Cluster Region Bucket Kind
readonly kind=${SSM_Kind:?}

main() {
  require_one_of Kind "$kind" server client
  run_service consul
  await_service 150 consul answers consul GET status/leader
  result "{\"changed\":$service_changed}"
}

main "$@"
