#!/usr/bin/env bash
# Puts the CNI plugins where Nomad looks for them, and has bridged traffic pass iptables, as port mapping needs.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/packages.sh"
source "${BASH_SOURCE[0]%/*}/../lib/artifact.sh"

require_parameters Cluster Region Bucket ArtifactKey ArtifactSha256 Version PrerequisitesKey PrerequisitesSha256
readonly artifact_key=${SSM_ArtifactKey:?}
readonly artifact_sha256=${SSM_ArtifactSha256:?}
readonly version=${SSM_Version:?}
readonly prerequisites_key=${SSM_PrerequisitesKey:?}
readonly prerequisites_sha256=${SSM_PrerequisitesSha256:?}

readonly plugins=$root/opt/cni/bin

main() {
  ensure_prerequisites "$prerequisites_key" "$prerequisites_sha256"
  is_installed cni_plugins "$artifact_sha256" "$plugins/bridge" || install_plugins
  filter_bridged_traffic
  result "{\"version\":$(json_string "$version"),\"changed\":$changed}"
}

install_plugins() {
  log "installing $artifact_key"
  fetch_verified "$artifact_key" "$artifact_sha256" "$work_dir/artifact"
  unpack "$work_dir/artifact" "$artifact_key" "$work_dir/unpacked"
  [[ -f $work_dir/unpacked/bridge ]] || fail 70 "artifact $artifact_key holds no bridge plugin"
  local file
  for file in "$work_dir"/unpacked/*; do
    [[ ! -x $file ]] || place_program "$file" "$plugins/${file##*/}" # the rest is a licence and a README
  done
  mark_installed cni_plugins "$artifact_sha256"
  changed=true
}

# Kernel settings for now and for the next boot.
filter_bridged_traffic() {
  local -r settings=(
    net/bridge/bridge-nf-call-arptables
    net/bridge/bridge-nf-call-ip6tables
    net/bridge/bridge-nf-call-iptables
    net/ipv4/ip_forward
  )
  put_line "$root/etc/modules-load.d/quorate-bridge.conf" br_netfilter
  put_line "$root/etc/sysctl.d/90-quorate-bridge.conf" "$(printf '%s = 1\n' "${settings[@]//\//.}")"
  if [[ ! -e $root/proc/sys/${settings[0]} ]]; then
    modprobe br_netfilter || log "modprobe br_netfilter failed" # it may be built in: what /proc/sys shows counts
    [[ -e $root/proc/sys/${settings[0]} ]] || fail 69 "the kernel offers no br_netfilter"
  fi
  local setting
  for setting in "${settings[@]}"; do
    [[ $(<"$root/proc/sys/$setting") == 1 ]] || set_kernel "$setting"
  done
}

set_kernel() {
  printf '1\n' >"$root/proc/sys/$1"
  changed=true
}

put_line() {
  [[ ! -e $1 || $(<"$1") != "$2" ]] || return 0
  make_path "${1%/*}"
  printf '%s\n' "$2" >"$1"
  chmod 0644 "$1"
  changed=true
}

main "$@"
