#!/usr/bin/env bash
# Tells the membership of each product that this server serves, as its leader sees it: all in one line.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/observation.sh"

require_parameters Cluster Region Bucket SecretsPrefix Serves

main() {
  local served
  IFS=, read -ra served <<<"${SSM_Serves:?}"
  observe "${served[@]}"
}

main "$@"
