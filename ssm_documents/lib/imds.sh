# shellcheck shell=bash
# The instance metadata service, version 2: who this instance is, and its role's credentials.
source "${BASH_SOURCE[0]%/*}/http.sh"
source "${BASH_SOURCE[0]%/*}/wait.sh"

# Where it listens. Tests have one elsewhere; a node does not.
imds=${QUORATE_METADATA:-169.254.169.254/80}
imds_token=
# shellcheck disable=SC2034 # aws.sh reads them
aws_access_key_id='' aws_secret_access_key='' aws_session_token=''

# ask_imds METHOD PATH HEADER: never fails, the answer is in reply_status and reply_body. Plain HTTP and a few lines, by
# the shell itself: to start curl takes longer than to be answered. By 1.0, whose answers have no chunks and end with the
# connection; a process of its own may end with that.
ask_imds() {
  local answer
  answer=$(
    exec 2>/dev/null 4<>"/dev/tcp/$imds" || exit
    printf '%s /latest/%s HTTP/1.0\r\nHost: 169.254.169.254\r\n%s\r\n\r\n' "$@" >&4
    IFS= read -r -t 5 -d '' answer <&4 || (($? == 1)) || exit # 1 is the end of the answer, more is the end of patience
    printf '%s' "$answer"
  ) || true # status 000 says it
  reply_status=000 reply_body=
  if [[ $answer =~ ^HTTP/1\.[01]' '([0-9]{3}) ]]; then
    reply_status=${BASH_REMATCH[1]} reply_body=${answer#*$'\r\n\r\n'}
  fi
}

# imds_get PATH: the text is in reply_body; fails where the service has none.
imds_get() {
  if [[ -z $imds_token ]]; then
    ask_imds PUT api/token 'X-aws-ec2-metadata-token-ttl-seconds: 900'
    if [[ $reply_status != 200 ]]; then
      obstacle="instance metadata: token request answered $(describe_reply)"
      return 1
    fi
    imds_token=$reply_body
  fi
  ask_imds GET "$1" "X-aws-ec2-metadata-token: $imds_token"
  if [[ $reply_status != 200 ]]; then
    [[ $reply_status != 401 ]] || imds_token= # it has expired
    obstacle="instance metadata: $1 answered $reply_status"
    return 1
  fi
}

imds_read_credentials() {
  imds_get meta-data/iam/security-credentials/ || return 1
  local -r role=${reply_body%%$'\n'*}
  imds_get "meta-data/iam/security-credentials/$role" || return 1
  obstacle="role $role has no credentials yet"
  read_plain AccessKeyId aws_access_key_id && read_plain SecretAccessKey aws_secret_access_key &&
    read_plain Token aws_session_token
}

# ensure_credentials: read once a script; a refused call forgets them (aws.sh) and asks again.
ensure_credentials() {
  [[ -n $aws_access_key_id ]] || wait_until 30 "credentials of the instance's role" imds_read_credentials
}

local_address=

# The node's private IPv4 address, in local_address.
read_local_address() {
  wait_until 30 "the instance's address" imds_get meta-data/local-ipv4
  # shellcheck disable=SC2034 # the caller reads it
  local_address=$reply_body
}
