# shellcheck shell=bash
# One change of the host's accounts and packages at a time: the installs of a node run side by side.
source "${BASH_SOURCE[0]%/*}/result.sh"

host_lock_seconds=240

# with_host_lock COMMAND...
with_host_lock() {
  local lock_fd
  mkdir -p "$root/run/lock"
  exec {lock_fd}>"$root/run/lock/quorate"
  flock --wait "$host_lock_seconds" "$lock_fd" ||
    fail 75 "another install holds the host's accounts and packages for over $host_lock_seconds s"
  "$@"
  exec {lock_fd}>&-
}
