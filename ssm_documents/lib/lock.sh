# shellcheck shell=bash
# What one run on a host may do at a time.
source "${BASH_SOURCE[0]%/*}/result.sh"

# with_host_lock COMMAND...: the host's accounts and packages; the installs of a node run side by side.
with_host_lock() {
  with_lock host 240 "$@"
}

# with_lock NAME SECONDS COMMAND...
with_lock() {
  local -r name=$1 patience_seconds=$2
  local lock_fd
  shift 2
  [[ -d $root/run/lock ]] || mkdir -p "$root/run/lock"
  exec {lock_fd}>"$root/run/lock/quorate-$name"
  flock --wait "$patience_seconds" "$lock_fd" ||
    fail 75 "another run holds the lock '$name' of this host for over $patience_seconds s"
  "$@"
  exec {lock_fd}>&-
}
