#!/usr/bin/env bash
# Makes tokens beside those that Consul's nodes use, or deletes the ones before.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/reissue.sh"

require_parameters Cluster Region Bucket SecretsPrefix Fencing LeaseTable Rotation Step \
  ConfigurationKey ConfigurationSha256
readonly step=${SSM_Step:?}

main() {
  require_one_of Step "$step" make retire
  begin_reissue
  reissue_tokens consul "$step"
  note_reissue "$step"
}

main "$@"
