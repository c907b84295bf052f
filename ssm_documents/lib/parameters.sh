# shellcheck shell=bash
# Document parameters arrive as SSM_<Name> (interpolationType ENV_VAR, agent 3.3.2746 or newer).
source "${BASH_SOURCE[0]%/*}/result.sh"

require_parameters() {
  local name variable missing=()
  for name in "$@"; do
    variable=SSM_$name
    [[ -n ${!variable:-} ]] || missing+=("$name")
  done
  ((${#missing[@]} == 0)) || fail 64 "missing parameters: ${missing[*]}"
}

require_one_of() {
  local -r name=$1 value=$2
  local allowed
  shift 2
  for allowed in "$@"; do
    [[ $value != "$allowed" ]] || return 0
  done
  fail 64 "parameter $name is '$value', not one of: $*"
}
