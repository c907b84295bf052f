# shellcheck shell=bash
# A product that goes on with the secrets of now: written beside its configuration, then taken up by its process.
source "${BASH_SOURCE[0]%/*}/lease.sh"
source "${BASH_SOURCE[0]%/*}/secrets_file.sh"
source "${BASH_SOURCE[0]%/*}/service.sh"
source "${BASH_SOURCE[0]%/*}/step.sh"
source "${BASH_SOURCE[0]%/*}/api.sh"

# adopt PRODUCT GROUP AS: take_up is the script's own; it runs where the process has other secrets than the disk.
adopt() {
  local -r product=$1 group=$2 as=$3 stamp=$root/run/quorate/$1.running
  [[ -e $root/etc/$product.d/secrets.json ]] || await_step "$product is not configured here yet"
  [[ $as == client ]] || require_lease
  put_secrets_file "/etc/$product.d/secrets.json" root "$group"
  if is_running "$product" && [[ ! -e $stamp || $(<"$stamp") != $(fingerprint "$product") ]]; then
    take_up "$as"
    step_changed=true
    mkdir -p "$root/run/quorate"
    printf '%s' "$(fingerprint "$product")" >"$stamp"
  fi
  consul_token=$secret_value
  ! is_running consul || wait_until 30 "Consul with the new token" succeeds consul GET agent/self
  note_step "$product uses the tokens of now"
}
