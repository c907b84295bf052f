# shellcheck shell=bash
# Filling secrets, once: the generation fixes the client request token, so of two writers one is refused and reads.
source "${BASH_SOURCE[0]%/*}/secrets.sh"

# write_token WHAT: what makes a second writer of a generation meet ResourceExistsException, as a UUID.
write_token() {
  local digest
  digest=$(printf '%s generation %s' "${SSM_SecretsPrefix:?}$1" "${SSM_Generation:?}" | sha256sum)
  printf '%s-%s-%s-%s-%s' "${digest:0:8}" "${digest:8:4}" "${digest:12:4}" "${digest:16:4}" "${digest:20:12}"
}

# write_secret NAME VALUE [LABEL]: fails where this generation has stored another value already.
write_secret() {
  local -r id=${SSM_SecretsPrefix:?}$1 label=${3:-AWSCURRENT}
  local token value body
  token=$(write_token "$1 $label")
  value=$(json_string "$2")
  body="{\"SecretId\":\"$id\",\"ClientRequestToken\":\"$token\",\"VersionStages\":[\"$label\"],\"SecretString\":$value}"
  secrets_manager PutSecretValue "$body"
  case $reply_status:$aws_error in
  200:*) log "stored secret $id" ;;
  *:ResourceExistsException) return 1 ;;
  *) fail 70 "storing secret $id answered $reply_status $aws_error" ;;
  esac
}

secrets_made=0

# ensure_secret NAME MAKER...: filled with what MAKER prints, once; leaves the value that counts in secret_value.
ensure_secret() {
  local -r name=$1
  shift
  ! read_secret "$name" || return 0
  local made
  made=$("$@")
  if write_secret "$name" "$made"; then
    secret_value=$made
    secrets_made=$((secrets_made + 1))
  else
    require_secret "$name" # the value of whoever was first
  fi
}

make_token() {
  cat /proc/sys/kernel/random/uuid
}

# 32 bytes, the longest key that gossip encryption takes (AES-256).
make_gossip_key() {
  head --bytes 32 /dev/urandom | base64 --wrap 0
}
