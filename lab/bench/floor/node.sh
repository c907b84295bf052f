#!/usr/bin/env bash
# The least that makes a node: everything at once, nothing tried twice, nobody told. `make bench` compares with it.
#
# Runs as user data, which says FLOOR_<artifact>_URL and FLOOR_<artifact>_SHA256, and in FLOOR_PRODUCTS what runs here.
# A node that is given docker is a client. FLOOR_node_URL is a tar of all that is configured, and FLOOR_introduction_URL
# is where a client finds what a server says of it.
set -Eeuo pipefail
trap 'touch /run/floor_failed' ERR

work=$(mktemp -d)
readonly work
running=()

main() {
  local product
  make_accounts
  beside install_systems_packages
  for product in $FLOOR_PRODUCTS; do
    beside run_product "$product"
  done
  if is_client; then
    beside fetch pause
    beside install_plugins
  fi
  configure
  all_done
}

beside() {
  "$@" &
  running+=($!)
}

all_done() {
  local process
  for process in "${running[@]}"; do
    wait "$process"
  done
}

is_client() {
  [[ -n ${FLOOR_docker_URL:-} ]]
}

await_file() {
  until [[ -e $1 ]]; do
    sleep 0.05
  done
}

make_accounts() {
  local product
  groupadd --system quorate-tls
  for product in consul vault nomad; do
    useradd --system --user-group --groups quorate-tls --no-create-home --home-dir "/var/lib/$product" "$product"
  done
}

# fetch ARTIFACT: a verified file of that name.
fetch() {
  local -r url=FLOOR_$1_URL sha256=FLOOR_$1_SHA256
  curl --silent --show-error --fail --output "$work/$1.part" "${!url}"
  printf '%s  %s\n' "${!sha256}" "$work/$1.part" | sha256sum --check --quiet
  mv "$work/$1.part" "$work/$1"
}

configure() {
  curl --silent --show-error --fail "${FLOOR_node_URL:?}" |
    tar --extract --directory / --same-owner --preserve-permissions
  systemctl daemon-reload
  touch "$work/configured"
  [[ ! -e /root/floor/seed.sh ]] || beside /root/floor/seed.sh
}

# dpkg does one thing at a time.
install_systems_packages() {
  install_packages prerequisites
  is_client || return 0
  install_packages docker
  systemctl start docker
  await_file "$work/pause"
  docker load --quiet --input "$work/pause" >/dev/null
  touch "$work/docker_runs"
}

install_packages() {
  fetch "$1"
  mkdir "$work/$1.d"
  tar --extract --file "$work/$1" --directory "$work/$1.d"
  find "$work/$1.d" -name '*.deb' -print0 | DEBIAN_FRONTEND=noninteractive xargs --null dpkg --install >/dev/null
}

install_plugins() {
  fetch cni_plugins
  mkdir -p /opt/cni/bin
  tar --extract --gzip --file "$work/cni_plugins" --directory /opt/cni/bin
  local setting
  for setting in bridge/bridge-nf-call-arptables bridge/bridge-nf-call-ip6tables bridge/bridge-nf-call-iptables; do
    printf '1\n' >"/proc/sys/net/$setting"
  done
  printf '1\n' >/proc/sys/net/ipv4/ip_forward
  touch "$work/plugins_are_there"
}

run_product() {
  fetch "$1"
  until command -v unzip >/dev/null; do
    sleep 0.05
  done
  unzip -q "$work/$1" "$1" -d /usr/local/bin
  chmod 0755 "/usr/local/bin/$1"
  await_file "$work/configured"
  [[ $1 != nomad ]] || ! is_client || await_clients_needs
  systemctl enable --quiet "$1"
  systemctl start --no-block "$1"
}

# A Nomad client looks once, when it starts, for what its host has: Consul's agent too, with a token that works.
await_clients_needs() {
  take_introduction
  await_file "$work/docker_runs"
  await_file "$work/plugins_are_there"
  until curl --silent --fail --output /dev/null --cacert /etc/quorate/tls/ca.pem \
    --header @<(jq --raw-output '"X-Consul-Token: " + .consul.token' /etc/nomad.d/secrets.json) \
    https://127.0.0.1:8501/v1/agent/self; do
    sleep 0.1
  done
}

# Nomad's servers register no client that none of them has introduced.
take_introduction() {
  install --directory --mode 0700 /var/lib/nomad /var/lib/nomad/client
  until curl --silent --fail --output "$work/introduction" "${FLOOR_introduction_URL:?}"; do
    sleep 0.2
  done
  (umask 077 && jq --join-output .JWT "$work/introduction" >/var/lib/nomad/client/intro_token.jwt)
}

main "$@"
