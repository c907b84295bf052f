# shellcheck shell=bash
# Vault alone: it listens on loopback, joins nobody, and nobody can join it. So it is while it is made: what is in it
# then came from this script, and where that died halfway it may be emptied, since nobody else has ever been in it.
#
# The unit's drop-in outlives a reboot: Vault must not come back among the others before its keys are kept. A file says
# of which generation the Vault is that was made so.
source "${BASH_SOURCE[0]%/*}/service.sh"
source "${BASH_SOURCE[0]%/*}/api.sh"
source "${BASH_SOURCE[0]%/*}/configuration.sh"

# Vault reads no directory inside of its configuration directory.
alone=/etc/vault.d/alone
drop_in=/etc/systemd/system/vault.service.d/alone.conf
made_by=$root$alone/generation

is_alone() {
  [[ -e $root$drop_in ]]
}

# isolate_vault: restarted, as the process that runs may be older than its drop-in.
isolate_vault() {
  jq '.listener[].tcp |= (.address = "127.0.0.1:8200" | .cluster_address = "127.0.0.1:8201")
    | del(.storage.raft.retry_join)' "$root/etc/vault.d/vault.json" >"$work_dir/vault.json"
  printf '[Service]\nExecStart=\nExecStart=/usr/local/bin/vault server -config=%s\n' "$alone/vault.json" \
    >"$work_dir/drop_in"
  mkdir -p "$root$alone"
  chown root:vault "$root$alone"
  chmod 0750 "$root$alone"
  put_file "$work_dir/vault.json" "$alone/vault.json" 0640 root vault
  put_file "$work_dir/drop_in" "$drop_in" 0644 root root
  restart_vault
}

# join_vault: back among the others. The directory goes last: until then all of this is done again.
join_vault() {
  [[ -d $root$alone ]] || return 0
  log "vault goes among the others"
  rm -f "$root$drop_in"
  restart_vault
  rm -r "$root$alone"
}

# empty_vault: takes away a Vault that this generation has made alone, and nothing else.
empty_vault() {
  is_alone && [[ -e $made_by && $(<"$made_by") == "${SSM_Generation:?}" ]] || refuse_vault
  log "emptying a Vault that was never finished and that nobody else has reached"
  systemctl stop vault
  find "$root/var/lib/vault" -mindepth 1 -delete
  restart_vault
}

refuse_vault() {
  fail 70 "Vault is initialised on this server, and not by generation ${SSM_Generation:?}: nothing of it is touched"
}

# The old process must not answer in the new one's place: this waits until it has gone.
restart_vault() {
  systemctl daemon-reload
  systemctl reset-failed vault 2>/dev/null || true # it has no such state unless it failed before
  systemctl restart vault || log "vault did not start at once"
  await_service 60 vault succeeds vault GET sys/init
}

is_initialised() {
  succeeds vault GET sys/init && reply_has initialized true
}
