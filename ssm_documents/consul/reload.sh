#!/usr/bin/env bash
# Has Consul take up the node's certificate, and sees that it serves it.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/reload.sh"

require_parameters Cluster Region Bucket

main() {
  reload_certificate consul 8501
}

main "$@"
