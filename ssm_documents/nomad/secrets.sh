#!/usr/bin/env bash
# Fills Nomad's secrets, once. The tokens that Nomad itself has to choose come with its bootstrap.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/new_secrets.sh"

require_parameters Cluster Region Bucket SecretsPrefix Generation

main() {
  ensure_secret nomad/gossip-key make_keyring
  local name
  for name in management-token consul-token-server consul-token-client; do
    ensure_secret "nomad/$name" make_token
  done
  result "{\"made\":$secrets_made}"
}

main "$@"
