# shellcheck shell=bash
# Packages of the node's own system, from a tar in the cluster's bucket; and the tools that every script needs.
source "${BASH_SOURCE[0]%/*}/lock.sh"
source "${BASH_SOURCE[0]%/*}/verified.sh"

missing_tools=()

# Which of the named commands are not there, in missing_tools; succeeds when none is missing.
have_tools() {
  local tool
  missing_tools=()
  for tool in "$@"; do
    command -v "$tool" >/dev/null || missing_tools+=("$tool")
  done
  ((${#missing_tools[@]} == 0))
}

# ensure_prerequisites KEY SHA256: KEY is `-` where the mirror has none for this system.
ensure_prerequisites() {
  have_tools curl sha256sum flock tar || fail 69 "missing on this node: ${missing_tools[*]}"
  ! have_tools jq unzip || return 0
  [[ $1 != - ]] || fail 69 "missing on this node: ${missing_tools[*]}; the bucket has no packages for its system"
  with_host_lock install_prerequisites "$@"
}

# Whoever held the lock before may have done it.
install_prerequisites() {
  ! have_tools jq unzip || return 0
  log "installing ${missing_tools[*]}"
  fetch_verified "$1" "$2" "$work_dir/prerequisites.tar"
  install_packages "$work_dir/prerequisites.tar"
  have_tools jq unzip || fail 69 "missing on this node: ${missing_tools[*]}; the packages of $1 have none"
}

# install_packages TAR: all .deb or .rpm files in it at once, so that their order does not matter. Under the host lock.
install_packages() {
  local -r unpacked=$work_dir/packages
  mkdir -p "$unpacked"
  tar --extract --file "$1" --directory "$unpacked"
  local files=()
  if command -v dpkg >/dev/null; then
    mapfile -d '' files < <(find "$unpacked" -name '*.deb' -print0)
    ((${#files[@]})) || fail 70 "no .deb packages in what this system was given"
    install_debs "${files[@]}"
  elif command -v dnf >/dev/null; then
    mapfile -d '' files < <(find "$unpacked" -name '*.rpm' -print0)
    ((${#files[@]})) || fail 70 "no .rpm packages in what this system was given"
    (umask 022 && dnf --assumeyes --quiet --disablerepo='*' install "${files[@]}")
  else
    fail 69 "missing on this node: dpkg or dnf"
  fi
}

# The system's own first-boot updates may hold dpkg's lock: that passes.
install_debs() {
  local -r end=$((SECONDS + 120))
  until (umask 022 && DEBIAN_FRONTEND=noninteractive dpkg --force-confdef --force-confold --install "$@") \
    2>"$work_dir/dpkg.log"; do
    cat "$work_dir/dpkg.log" >&2
    grep --quiet 'frontend lock' "$work_dir/dpkg.log" || fail 70 "dpkg: $(tail --lines 1 "$work_dir/dpkg.log")"
    ((SECONDS < end)) || fail 75 "another program holds dpkg's lock"
    sleep 1
  done
}
