#!/usr/bin/env bash
# Makes tokens beside those that Nomad's nodes use, or deletes the ones before.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/reissue.sh"

require_parameters Cluster Region Bucket SecretsPrefix Fencing LeaseTable Rotation Step \
  ConfigurationKey ConfigurationSha256
readonly step=${SSM_Step:?}

main() {
  require_one_of Step "$step" make retire
  begin_reissue
  require_secret nomad/membership-token
  nomad_token=$secret_value
  reissue_tokens consul "$step"
  reissue_tokens nomad "$step"
  note_reissue "$step"
}

main "$@"
