#!/usr/bin/env bash
# On a server: says of a new client that it may register with Nomad, for minutes and under its name alone, and prints
# that sealed to the client's certificate. Whoever reads this output reads nothing of use.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/secrets.sh"
source "${BASH_SOURCE[0]%/*}/../lib/api.sh"
source "${BASH_SOURCE[0]%/*}/../lib/configuration.sh"

require_parameters Cluster Region Bucket SecretsPrefix ConfigurationKey ConfigurationSha256

token=
sealed=-

main() {
  fetch_file_set "${SSM_ConfigurationKey:?}" "${SSM_ConfigurationSha256:?}"
  take_certificate
  require_secret nomad/introduction-token
  nomad_token=$secret_value
  wait_until 30 "Nomad's introduction" introduce
  [[ -z $token ]] || seal
  result "{\"introduction\":\"$sealed\"}"
}

# The authority's word, and not the command's, says whose key it is.
take_certificate() {
  local recipient
  recipient=$(jq --raw-output .values.recipient "$file_set")
  jq --join-output .values.certificate "$file_set" >"$work_dir/recipient.pem"
  openssl verify -CAfile "$authority_file" -verify_hostname "$recipient" "$work_dir/recipient.pem" ||
    fail 70 "the certificate is not $recipient's, by the cluster's authority"
}

# introduce: a probe. Any server is asked; the leader answers.
introduce() {
  nomad_api POST acl/identity/client-introduction-token "$(jq --compact-output .values.request "$file_set")"
  case $reply_status:$reply_body in
  200:*)
    read_plain JWT token || fail 70 "Nomad answered without an introduction"
    reply_body=
    [[ $token =~ ^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){2}$ ]] || fail 70 "Nomad answered without an introduction"
    ;;
  # While servers are replaced by newer ones: none before 1.11 asks a client for an introduction.
  404:* | *"all servers should be running"*) log "not all servers of Nomad can introduce a client yet" ;;
  403:*) fail 75 "Nomad refuses the token of nomad/introduction-token: it answered $(describe_reply)" ;;
  *)
    obstacle="Nomad answered $(describe_reply)"
    return 1
    ;;
  esac
}

# CMS (RFC 5652, 5753): a key that is agreed on with the certificate's, and encryption that shows what was changed.
seal() {
  sealed=$(
    printf '%s' "$token" | openssl cms -encrypt -binary -aes-256-gcm -outform DER \
      -recip "$work_dir/recipient.pem" -keyopt ecdh_kdf_md:sha256 | base64 --wrap 0
  )
}

main "$@"
