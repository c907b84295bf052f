# shellcheck shell=bash
# Waiting is asking again until a deadline, never a sleep that hopes.
source "${BASH_SOURCE[0]%/*}/result.sh"

# What a probe saw last; it becomes part of the reason when time is up.
obstacle=

# wait_until SECONDS WHAT COMMAND...: exit 75 with WHAT and the last obstacle when COMMAND never succeeds.
wait_until() {
  local -r patience_seconds=$1 what=$2
  shift 2
  local -r end=$((SECONDS + patience_seconds))
  obstacle=
  until "$@"; do
    ((SECONDS < end)) || fail 75 "$what: not within $patience_seconds s${obstacle:+; $obstacle}"
    sleep 0.3
  done
}
