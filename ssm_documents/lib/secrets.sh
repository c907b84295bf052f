# shellcheck shell=bash
# Secrets Manager. The stack makes the secrets empty; each is filled once, by whoever comes first, and read by name.
source "${BASH_SOURCE[0]%/*}/aws.sh"

secret_value=

# shellcheck disable=SC2034 # what keeps Vault's keys, for those who use them
key_secret=vault/recovery-keys

# read_secret NAME [LABEL]: the value is in secret_value; fails where it has none yet.
read_secret() {
  local -r id=${SSM_SecretsPrefix:?}$1 label=${2:-AWSCURRENT}
  secret_value=
  secrets_manager GetSecretValue "{\"SecretId\":\"$id\",\"VersionStage\":\"$label\"}"
  case $reply_status:$aws_error in
  200:*)
    read_plain SecretString secret_value ||
      secret_value=$(jq --raw-output '.SecretString // empty' <<<"$reply_body") || fail 70 "secret $id is unreadable"
    reply_body=
    [[ -n $secret_value ]]
    ;;
  *:ResourceNotFoundException) return 1 ;;
  # A sealed secret's tag opens it to this node, and a tag may take a moment to count.
  *:AccessDeniedException) fail 75 "secret $id is not open to this node" ;;
  *) fail 70 "reading secret $id answered $reply_status $aws_error" ;;
  esac
}

# require_secret NAME
require_secret() {
  read_secret "$1" || fail 75 "secret ${SSM_SecretsPrefix:?}$1 has no value yet"
}
