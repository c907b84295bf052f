#!/bin/bash
# Make the project's virtual environment, or bring it up to date: virtual_environment.sh DIRECTORY STAMP REQUIREMENTS
# The stamp is written last, so an interrupted run is done again; packages that are there already stay.
set -Eeuo pipefail

log() { printf '%s\n' "$*" >&2; }

# A distribution's own comes first: it was compiled with profiles. Version managers leave them out, and plain Python
# code takes a quarter longer.
find_python() {
  local candidate
  for candidate in /usr/bin/python3 python3 python3.13 python3.12 python3.11; do
    if "$candidate" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      printf '%s\n' "$candidate"
      return
    fi
  done
  return 1
}

# Debian ships Python without venv's other half.
install_python() {
  if ((EUID == 0)) && command -v apt-get >/dev/null; then
    log "installing python3-venv by apt"
    apt-get update -qq >&2
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3 python3-venv >&2
  else
    log "Python 3.11 or newer with its venv module is needed (Debian, Ubuntu: apt install python3-venv)"
    exit 1
  fi
}

make_directory() {
  local directory="$1" python
  python="$(find_python)" || { install_python && python="$(find_python)"; }
  log "making $directory with $("$python" --version) ($python)"
  "$python" -m venv "$directory" >/dev/null
}

# The lines that pin uv, with its hashes.
uv_of() {
  awk '/^uv==/ { ours = 1 } ours { print } ours && !/\\$/ { exit }' "$1"
}

main() {
  local directory="$1" stamp="$2" requirements="$3"
  [[ -x $directory/bin/pip ]] || make_directory "$directory"
  log "installing $requirements"
  # uv installs the same packages in a tenth of pip's time; it does not read pip's configuration, so pip stays the
  # way where packages come from an index of one's own.
  if uv_of "$requirements" | "$directory/bin/pip" install --quiet --disable-pip-version-check \
    --require-hashes --requirement /dev/stdin 2>/dev/null &&
    "$directory/bin/uv" pip install --quiet --python "$directory/bin/python" -r "$requirements" 2>/dev/null; then
    :
  else
    log "uv cannot reach a package index; pip takes a minute longer"
    "$directory/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
  fi
  rm -f "$directory"/quorate-*
  touch "$stamp"
}

main "$@"
