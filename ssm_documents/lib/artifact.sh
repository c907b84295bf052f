# shellcheck shell=bash
# Verified artifacts, put in place atomically. A stamp with the artifact's SHA-256 says what is installed.
source "${BASH_SOURCE[0]%/*}/verified.sh"

stamp_dir=$root/var/lib/quorate/installed

# is_installed NAME SHA256 FILE...: whether NAME's stamp says so and every FILE is there.
is_installed() {
  local -r stamp=$stamp_dir/$1 expected=$2
  local file
  shift 2
  [[ -e $stamp && $(<"$stamp") == "$expected" ]] || return 1
  for file in "$@"; do
    [[ -e $file ]] || return 1
  done
}

# mark_installed NAME SHA256
mark_installed() {
  mkdir -p "$stamp_dir"
  printf '%s\n' "$2" >"$work_dir/stamp"
  mv "$work_dir/stamp" "$stamp_dir/$1"
}

# unpack ARCHIVE NAME DIRECTORY: NAME is the artifact's key; its ending says what it is.
unpack() {
  local -r archive=$1 name=$2 directory=$3
  mkdir -p "$directory"
  case $name in
  *.zip) unzip -q -o "$archive" -d "$directory" ;;
  *.tar | *.tar.gz | *.tgz | *.tar.xz) tar --extract --no-same-owner --file "$archive" --directory "$directory" ;;
  *) fail 70 "artifact $name is neither a zip nor a tar" ;;
  esac
}

# place_program SOURCE TARGET: a reader sees the old file or the new one, also while the old one runs.
place_program() {
  local -r source=$1 target=$2
  make_path "${target%/*}"
  mv "$source" "$target.new" # across file systems this copies
  chown root:root "$target.new"
  chmod 0755 "$target.new"
  mv "$target.new" "$target"
}

changed=false

# install_program NAME KEY SHA256: one program from an archive to /usr/local/bin; says in `changed` whether it was new.
install_program() {
  local -r name=$1 key=$2 sha256=$3 target=$root/usr/local/bin/$1
  ! is_installed "$name" "$sha256" "$target" || return 0
  log "installing $key"
  fetch_verified "$key" "$sha256" "$work_dir/artifact"
  unpack "$work_dir/artifact" "$key" "$work_dir/unpacked"
  [[ -f $work_dir/unpacked/$name ]] || fail 70 "artifact $key holds no $name"
  place_program "$work_dir/unpacked/$name" "$target"
  mark_installed "$name" "$sha256"
  # shellcheck disable=SC2034 # the caller reads it
  changed=true
}
