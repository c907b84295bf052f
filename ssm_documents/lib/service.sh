# shellcheck shell=bash
# A product's systemd unit: started once, restarted only for a reason, awaited by what it answers.
source "${BASH_SOURCE[0]%/*}/wait.sh"

service_changed=false

# What the running process was started from, and the certificate that it has. In /run, so that a reboot forgets it as it
# forgets the process.
fingerprint() {
  local -r name=$1
  printf '%s %s' "$(digest "$root/etc/$name.d" "$root/etc/systemd/system/$name.service" "$root/usr/local/bin/$name")" \
    "$(digest "$root/etc/quorate/tls/")"
}

digest() {
  local found
  found=$(find "$@" -type f -print0 | sort --zero-terminated | xargs --null sha256sum | sha256sum)
  printf '%s' "${found%% *}"
}

# run_service NAME: leaves it enabled and running what is on disk. Readiness is the caller's to await: a unit of
# Type=notify may need other nodes for it. Whatever answers after this is not the process of before.
run_service() {
  local -r name=$1 stamp=$root/run/quorate/$1.running
  local now before
  now=$(fingerprint "$name")
  mkdir -p "$root/run/quorate"
  systemctl is-enabled --quiet "$name" || systemctl enable --quiet "$name"
  if is_running "$name" && [[ -e $stamp && $(<"$stamp") == "$now" ]]; then
    return 0
  fi
  log "starting $name"
  systemctl daemon-reload
  systemctl reset-failed "$name" 2>/dev/null || true # it has no such state unless it failed before
  before=$(main_process "$name")
  systemctl --no-block restart "$name"
  [[ $before == 0 ]] || wait_until 50 "the end of $name's old process" has_another_process "$name" "$before"
  printf '%s' "$now" >"$stamp"
  # shellcheck disable=SC2034 # the caller reads it
  service_changed=true
}

# main_process NAME: its id; 0 where there is none.
main_process() {
  systemctl show --property=MainPID --value "$1"
}

has_another_process() {
  obstacle="it has not ended"
  [[ $(main_process "$1") != "$2" ]]
}

# note_reload NAME: it has the certificate that is on disk, and else what it was started from.
note_reload() {
  local -r stamp=$root/run/quorate/$1.running
  local started_from
  [[ -e $stamp ]] || return 0
  read -r started_from _ <"$stamp" || true # no newline at its end
  printf '%s %s' "$started_from" "$(digest "$root/etc/quorate/tls/")" >"$stamp"
}

is_running() {
  local state
  state=$(systemctl is-active "$1") || true # the word says it
  [[ $state == active || $state == activating || $state == reloading ]]
}

# await_service SECONDS NAME COMMAND...: COMMAND is the probe. A unit that systemd gave up on ends the wait at once.
await_service() {
  local -r patience_seconds=$1 name=$2
  shift 2
  local -r end=$((SECONDS + patience_seconds))
  obstacle=
  until "$@"; do
    if systemctl is-failed --quiet "$name"; then
      show_journal "$name"
      fail 70 "$name.service failed${obstacle:+; $obstacle}"
    fi
    if ((SECONDS >= end)); then
      show_journal "$name"
      fail 75 "$name does not answer within $patience_seconds s${obstacle:+; $obstacle}"
    fi
    sleep 0.3
  done
}

show_journal() {
  journalctl --unit "$1" --lines 5 --no-pager --output cat >&2 || log "no journal of $1"
}

# retire_service NAME: stopped, and not started by a reboot either.
retire_service() {
  local -r name=$1
  if is_running "$name" || systemctl is-enabled --quiet "$name"; then
    systemctl disable --quiet --now "$name"
  fi
  rm -f "$root/run/quorate/$name.running"
}
