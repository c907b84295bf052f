# shellcheck shell=bash
# By a management token of the servers' own.
source "${BASH_SOURCE[0]%/*}/api.sh"
source "${BASH_SOURCE[0]%/*}/secrets.sh"

use_nomad_token() {
  require_secret nomad/membership-token
  nomad_token=$secret_value
}
