# shellcheck shell=bash
# A running service takes up the node's certificate: by SIGHUP, which keeps its process, its Raft state and its vote.
source "${BASH_SOURCE[0]%/*}/service.sh"

# reload_certificate PRODUCT PORT: of its HTTPS API.
reload_certificate() {
  local -r name=$1 url=https://127.0.0.1:$2/
  local installed
  is_running "$name" || fail 75 "$name does not run"
  installed=$(read_serial <"$certificate_file")
  if ! serves "$url" "$installed"; then
    log "reloading $name"
    systemctl reload "$name"
    await_service 100 "$name" serves "$url" "$installed"
    service_changed=true
  fi
  note_reload "$name" # else the next start would find another certificate than it began with, and restart it
  result "{\"changed\":$service_changed,\"serial\":\"$installed\"}"
}

# serves URL SERIAL: a probe.
serves() {
  local served
  served=$(curl --silent --noproxy '*' --connect-timeout 5 --max-time 10 --cacert "$authority_file" \
    --output /dev/null --write-out '%{certs}' "$1" | read_serial) || served=
  obstacle="it serves ${served:-no certificate}, not $2"
  [[ $served == "$2" ]]
}

# read_serial: of the first certificate on stdin; lower case, no leading zeros.
read_serial() {
  local serial
  serial=$(openssl x509 -noout -serial 2>/dev/null) || return 1
  serial=${serial#serial=}
  [[ $serial =~ ^0*(.*)$ ]]
  printf '%s' "${BASH_REMATCH[1],,}"
}
