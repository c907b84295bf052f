# shellcheck shell=bash
# Users, groups and directories of the products.
source "${BASH_SOURCE[0]%/*}/lock.sh"
source "${BASH_SOURCE[0]%/*}/tls_group.sh"

# ensure_account NAME: a system user that cannot log in, with its own group, and who may read the node's key.
ensure_account() {
  with_host_lock make_account "$1"
}

ensure_tls_group() {
  with_host_lock make_group "$tls_group"
}

make_group() {
  getent group "$1" >/dev/null || groupadd --system "$1"
}

make_account() {
  local -r name=$1
  make_group "$name"
  make_group "$tls_group"
  getent passwd "$name" >/dev/null ||
    useradd --system --gid "$name" --home-dir "/var/lib/$name" --no-create-home --shell /usr/sbin/nologin "$name"
  [[ " $(id -nG "$name") " == *" $tls_group "* ]] || usermod --append --groups "$tls_group" "$name"
}

# ensure_directory PATH MODE OWNER GROUP
ensure_directory() {
  local -r path=$root$1 mode=$2 owner=$3 group=$4
  make_path "$path"
  chown "$owner:$group" "$path"
  chmod "$mode" "$path"
}
