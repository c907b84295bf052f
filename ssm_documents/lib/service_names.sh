# shellcheck shell=bash
# Names below `consul`, which systemd-resolved asks of this node's own agent: they lead to whichever servers there are
# by now, so that nothing on a node names one of them.
source "${BASH_SOURCE[0]%/*}/wait.sh"

# route_names: systemd-resolved has read what is in its directory by now, and programs ask it.
route_names() {
  command -v resolvectl >/dev/null || fail 69 "missing on this node: systemd-resolved"
  ask_systemd_resolved
  are_routed || systemctl restart systemd-resolved # it reads its configuration at its start (reloads: from 256 on)
  wait_until 20 "systemd-resolved's way to Consul" are_routed
}

are_routed() {
  local domains
  domains=$(resolvectl domain 2>&1) || true # it says why
  obstacle="resolvectl domain: ${domains//$'\n'/; }"
  [[ $domains =~ ~consul($|[[:space:]]) ]]
}

# Programs read resolv.conf. Where that is systemd-resolved's, it may be the file that names the resolvers behind it
# (Amazon Linux), which know nothing of Consul. What somebody else wrote is theirs.
ask_systemd_resolved() {
  local -r file=$root/etc/resolv.conf
  ! grep --quiet '^nameserver 127\.0\.0\.53$' "$file" || return 0
  local target
  target=$(readlink "$file") || true # no link is no target
  [[ $target == */run/systemd/resolve/resolv.conf ]] ||
    fail 69 "missing on this node: /etc/resolv.conf is not systemd-resolved's, so that Consul's names lead nowhere"
  ln -sf ../run/systemd/resolve/stub-resolv.conf "$file"
  log "programs ask systemd-resolved"
}

# has_address NAME: a probe, by the way that every program goes.
has_address() {
  obstacle="the name $1 leads nowhere"
  getent ahosts "$1" >/dev/null
}
