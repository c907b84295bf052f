# shellcheck shell=bash
# Waiting is asking again until a deadline, never a sleep that hopes.
source "${BASH_SOURCE[0]%/*}/result.sh"

# What a probe saw last; it becomes part of the reason when time is up.
obstacle=

# wait_until SECONDS WHAT COMMAND...: exit 75 with WHAT and the last obstacle when COMMAND never succeeds.
wait_until() {
  local -r patience_seconds=$1 what=$2
  shift 2
  try_for "$patience_seconds" "$@" ||
    fail 75 "$what: not within $patience_seconds s${obstacle:+; $obstacle}"
}

# try_for SECONDS COMMAND...: the same, where the caller knows what to make of it that COMMAND never succeeds.
try_for() {
  local -r end=$((SECONDS + $1))
  shift
  obstacle=
  until "$@"; do
    ((SECONDS < end)) || return 1
    sleep 0.3
  done
}
