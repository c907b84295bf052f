# shellcheck shell=bash
# What a server said of this client, which Nomad reads at its start and needs until it has registered once.
source "${BASH_SOURCE[0]%/*}/accounts.sh"
source "${BASH_SOURCE[0]%/*}/configuration.sh"

introduction_file=/var/lib/nomad/client/intro_token.jwt

# take_introduction SEALED: opened with this node's key. A Nomad that runs with another one starts again.
take_introduction() {
  local ends
  base64 --decode <<<"$1" >"$work_dir/sealed"
  openssl cms -decrypt -binary -inform DER -inkey "$key_file" -recip "$certificate_file" \
    -in "$work_dir/sealed" -out "$work_dir/introduction" ||
    fail 70 "the introduction is not sealed to this node's certificate"
  ends=$(jq --raw-input 'split(".")[1] | gsub("-"; "+") | gsub("_"; "/") | @base64d | fromjson | .exp' \
    "$work_dir/introduction") || fail 70 "what was sealed is no introduction"
  ((ends > $(date +%s))) || fail 70 "the introduction of this client has ended before its Nomad started"
  ensure_directory "${introduction_file%/*}" 0700 root root # as Nomad makes it
  configuration_changed=false
  put_file "$work_dir/introduction" "$introduction_file" 0600 root root
  [[ $configuration_changed == false ]] || rm -f "$root/run/quorate/nomad.running"
}

# forget_introduction: it has served.
forget_introduction() {
  rm -f "$root$introduction_file"
}
