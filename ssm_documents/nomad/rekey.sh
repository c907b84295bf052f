#!/usr/bin/env bash
# Takes Nomad's gossip one step to a new key, and tells whether every member has followed.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/nomad_keys.sh"

require_parameters Cluster Region Bucket SecretsPrefix Fencing LeaseTable Rotation Step \
  ConfigurationKey ConfigurationSha256
readonly step=${SSM_Step:?}

main() {
  require_one_of Step "$step" install use remove
  fetch_file_set "${SSM_ConfigurationKey:?}" "${SSM_ConfigurationSha256:?}"
  use_nomad_token
  rekey nomad/gossip-key "$step"
}

main "$@"
