#!/usr/bin/env bash
# Fills Consul's secrets, once: what ACL bootstrap and agents will use exists before it is used.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/new_secrets.sh"

require_parameters Cluster Region Bucket SecretsPrefix Generation

main() {
  ensure_secret consul/gossip-key make_keyring
  local name
  for name in management-token agent-token-server agent-token-client; do
    ensure_secret "consul/$name" make_token
  done
  result "{\"made\":$secrets_made}"
}

main "$@"
