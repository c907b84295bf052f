#!/usr/bin/env bash
# Starts Vault and sees that it says whether it is sealed.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/service.sh"
source "${BASH_SOURCE[0]%/*}/../lib/api.sh"

require_parameters Cluster Region Bucket Kind
readonly kind=${SSM_Kind:?}

main() {
  require_one_of Kind "$kind" server
  run_service vault
  await_service 150 vault succeeds vault GET sys/seal-status
  result "$(jq --compact-output --argjson changed "$service_changed" \
    '{initialized, sealed, changed: $changed}' <<<"$reply_body")"
}

main "$@"
