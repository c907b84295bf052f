#!/usr/bin/env bash
# What one server does for all, beside node.sh: ACLs, Vault's initialisation, and the job. Requests come ready as files
# of curl options in /root/floor; nothing is looked at before it is made, as nothing was made before.
set -Eeuo pipefail

readonly requests=/root/floor
readonly trust=(--silent --show-error --cacert /etc/quorate/tls/ca.pem)

main() {
  begin_consul &
  local -r consul=$!
  begin_vault &
  local -r vault=$!
  begin_nomad
  introduce_clients
  wait "$consul"
  again make consul-for-jobs
  again make consul-auth-method
  make consul-binding-rules
  run_job
  wait "$vault"
  again make vault-keys
}

# make NAME: all requests of a file, one after another, over one connection.
make() {
  curl "${trust[@]}" --fail-early --config "$requests/$1"
}

again() {
  until "$@" 2>/dev/null; do
    sleep 0.2
  done
}

# Asking before costs the install its processor.
await_start() {
  until [[ -e /usr/local/bin/$1 ]]; do
    sleep 0.1
  done
}

begin_consul() {
  await_start consul
  again make consul-acl
  make consul-tokens
}

begin_nomad() {
  await_start nomad
  again make nomad-acl
  make nomad-policies
}

introduce_clients() {
  local introduction
  for introduction in "$requests"/introduction-*; do
    again make "${introduction##*/}"
  done
}

begin_vault() {
  await_start vault
  again make vault-answers
  curl "${trust[@]}" --fail --request PUT --data '{"recovery_shares":5,"recovery_threshold":3}' \
    --output "$requests/keys" https://127.0.0.1:8200/v1/sys/init
  jq --raw-output '"X-Vault-Token: " + .root_token' "$requests/keys" >"$requests/vault-token"
  again make vault-active
  make vault-setup
  name_methods
  make vault-policies
}

# A policy of Vault's that tells workloads apart has the name in it that Vault chose for their auth method.
name_methods() {
  curl "${trust[@]}" --fail --header "@$requests/vault-token" https://127.0.0.1:8200/v1/sys/auth |
    jq --raw-output '.data | to_entries[] | "s/<accessor of \(.key | rtrimstr("/"))>/\(.value.accessor)/g"' |
    sed --in-place --file - "$requests/vault-policies"
}

run_job() {
  NOMAD_TOKEN=$(<"$requests/nomad-token") nomad job run -detach -address https://127.0.0.1:4646 \
    -ca-cert /etc/quorate/tls/ca.pem -var-file "$requests/job.vars" "$requests/job.nomad.hcl" >/dev/null
}

main "$@"
