# shellcheck shell=bash
# By the token that all servers of Consul share (`operator`, `keyring` and `agent` write).
source "${BASH_SOURCE[0]%/*}/api.sh"
source "${BASH_SOURCE[0]%/*}/secrets.sh"

use_consul_token() {
  require_secret consul/agent-token-server
  consul_token=$secret_value
}
