#!/usr/bin/env bash
# Puts the Nomad program, its user and its configuration directory in place; starts nothing.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/accounts.sh"
source "${BASH_SOURCE[0]%/*}/../lib/packages.sh"
source "${BASH_SOURCE[0]%/*}/../lib/artifact.sh"

require_parameters Cluster Region Bucket ArtifactKey ArtifactSha256 Version PrerequisitesKey PrerequisitesSha256
readonly artifact_key=${SSM_ArtifactKey:?}
readonly artifact_sha256=${SSM_ArtifactSha256:?}
readonly version=${SSM_Version:?}
readonly prerequisites_key=${SSM_PrerequisitesKey:?}
readonly prerequisites_sha256=${SSM_PrerequisitesSha256:?}

main() {
  ensure_prerequisites "$prerequisites_key" "$prerequisites_sha256"
  ensure_account nomad
  ensure_directory /etc/nomad.d 0750 root nomad
  install_program nomad "$artifact_key" "$artifact_sha256"
  result "{\"version\":$(json_string "$version"),\"changed\":$changed}"
}

main "$@"
