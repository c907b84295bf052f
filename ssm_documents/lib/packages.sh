# shellcheck shell=bash
# Packages of the node's own system, from a tar in the cluster's bucket or from the system's repositories; and the tools
# that every script needs.
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

# ensure_prerequisites KEY SHA256: KEY is `-` where the bucket has no packages for this system.
ensure_prerequisites() {
  have_tools curl sha256sum flock tar || fail 69 "missing on this node: ${missing_tools[*]}"
  have_tools jq unzip || with_host_lock install_prerequisites "$@"
}

# Whoever held the lock before may have done it.
install_prerequisites() {
  ! have_tools jq unzip || return 0
  log "installing ${missing_tools[*]}"
  if [[ $1 == - ]]; then
    install_from_repositories jq unzip
  else
    fetch_verified "$1" "$2" "$work_dir/prerequisites.tar"
    install_packages "$work_dir/prerequisites.tar"
  fi
  have_tools jq unzip || fail 69 "missing on this node: ${missing_tools[*]}; its packages have none"
}

# install_packages TAR: all .deb files in it at once, so that their order does not matter. Under the host lock.
install_packages() {
  local -r unpacked=$work_dir/packages
  have_tools dpkg || fail 69 "missing on this node: dpkg"
  mkdir -p "$unpacked"
  tar --extract --file "$1" --directory "$unpacked"
  install_debs_in "$unpacked" || fail 70 "no .deb packages in what this system was given"
}

# install_from_repositories PACKAGE...: from where this system takes its own, by its own keys; missing_tools says what
# for. All that the network may hold up comes first, and within a time that whoever waits for the host lock has; what
# changes the node is not cut short.
install_from_repositories() {
  local -r network_end=$((SECONDS + 150))
  if command -v apt-get >/dev/null; then
    local -r apt=$work_dir/apt remedy="mirror its packages (make artifacts), or give it a way to its repositories"
    mkdir -p "$apt/lists/partial" "$apt/archives/partial"
    # Lists and archives of its own need no lock that first-boot updates hold. They are where apt's user cannot go.
    local -r get=(
      apt-get --quiet=2 -oDir::State::lists="$apt/lists" -oDir::Cache="$apt" -oDebug::NoLocking=true
      -oAPT::Sandbox::User=root -oAPT::Update::Error-Mode=any -oAcquire::Languages=none
      -oAcquire::http::Timeout=15 -oAcquire::https::Timeout=15 -oAcquire::Retries=0
    )
    ask_repositories "${get[@]}" update
    ask_repositories "${get[@]}" --yes --no-install-recommends --download-only install "$@"
    install_debs_in "$apt/archives" || log "the repositories have nothing newer"
  elif command -v dnf >/dev/null; then
    local -r remedy="give it a way to its repositories: on Amazon Linux, the S3 gateway endpoint of its VPC"
    local -r dnf=(
      dnf --assumeyes --quiet --setopt=install_weak_deps=False --setopt=skip_if_unavailable=False
      --setopt=timeout=15 --setopt=retries=1
    )
    ask_repositories "${dnf[@]}" --downloadonly install "$@"
    (umask 022 && "${dnf[@]}" --cacheonly install "$@") || fail 70 "dnf could not install what it downloaded for $*"
  else
    fail 69 "missing on this node: ${missing_tools[*]}; and neither apt-get nor dnf, which could install them"
  fi
}

# ask_repositories COMMAND...: until `network_end`, which like `remedy` is the caller's.
ask_repositories() {
  local -r said=$work_dir/repositories.log patience=$((network_end > SECONDS ? network_end - SECONDS : 1))
  local code=0 words
  (umask 022 && timeout --kill-after=5 "$patience" "$@") >"$said" 2>&1 || code=$?
  cat "$said" >&2
  ((code)) || return 0
  words=$(grep --extended-regexp --max-count=1 '^E(rror)?: ' "$said") || words="ended with $code"
  ((code != 124 && code != 137)) || words="did not end in time"
  local -r lack="missing on this node: ${missing_tools[*]}; the bucket has no packages for its system"
  fail 69 "$lack, and $1 brings none (${words#E*: }): $remedy"
}

# install_debs_in DIRECTORY: fails where it has none.
install_debs_in() {
  local files=()
  mapfile -d '' files < <(find "$1" -name '*.deb' -print0)
  ((${#files[@]})) || return 1
  install_debs "${files[@]}"
}

# The system's own first-boot updates may hold dpkg's lock: that passes. What the image has newer than that stays so.
install_debs() {
  local -r end=$((SECONDS + 120))
  local -r install=(dpkg --force-confdef --force-confold --refuse-downgrade --skip-same-version --install)
  until (umask 022 && DEBIAN_FRONTEND=noninteractive "${install[@]}" "$@") 2>"$work_dir/dpkg.log"; do
    cat "$work_dir/dpkg.log" >&2
    grep --quiet 'frontend lock' "$work_dir/dpkg.log" || fail 70 "dpkg: $(tail --lines 1 "$work_dir/dpkg.log")"
    ((SECONDS < end)) || fail 75 "another program holds dpkg's lock"
    sleep 1
  done
}
