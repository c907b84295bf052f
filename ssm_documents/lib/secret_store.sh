# shellcheck shell=bash
# Writing secrets: for each mark one value, so of two writers one is refused and reads.
source "${BASH_SOURCE[0]%/*}/secrets.sh"

# write_token WHAT: what makes a second writer of the same meet ResourceExistsException, as a UUID.
write_token() {
  local digest
  digest=$(printf '%s' "${SSM_SecretsPrefix:?}$1" | sha256sum)
  printf '%s-%s-%s-%s-%s' "${digest:0:8}" "${digest:8:4}" "${digest:12:4}" "${digest:16:4}" "${digest:20:12}"
}

# store_version NAME VALUE LABELS WHAT
store_version() {
  local -r id=${SSM_SecretsPrefix:?}$1 labels=$3
  local token value body
  token=$(write_token "$4")
  value=$(json_string "$2")
  body="{\"SecretId\":\"$id\",\"ClientRequestToken\":\"$token\",\
\"VersionStages\":[\"${labels// /\",\"}\"],\"SecretString\":$value}"
  secrets_manager PutSecretValue "$body"
  case $reply_status:$aws_error in
  200:*) log "stored secret $id" ;;
  *:ResourceExistsException) return 1 ;;
  *) fail 70 "storing secret $id answered $reply_status $aws_error" ;;
  esac
}

# read_version NAME WHAT: what was stored for WHAT is in secret_value; fails where nothing was.
read_version() {
  local -r id=${SSM_SecretsPrefix:?}$1
  secret_value=
  secrets_manager GetSecretValue "{\"SecretId\":\"$id\",\"VersionId\":\"$(write_token "$2")\"}"
  case $reply_status:$aws_error in
  200:*)
    read_plain SecretString secret_value || secret_value=$(jq --raw-output .SecretString <<<"$reply_body") || return 1
    reply_body=
    ;;
  *:ResourceNotFoundException) return 1 ;;
  *) fail 70 "reading secret $id answered $reply_status $aws_error" ;;
  esac
}

# 32 bytes, the longest key that gossip encryption takes (AES-256).
make_key() {
  head --bytes 32 /dev/urandom | base64 --wrap 0
}
