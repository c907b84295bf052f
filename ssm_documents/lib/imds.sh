# shellcheck shell=bash
# The instance metadata service, version 2: who this instance is, and its role's credentials.
source "${BASH_SOURCE[0]%/*}/http.sh"
source "${BASH_SOURCE[0]%/*}/wait.sh"

imds_url=http://169.254.169.254/latest
imds_token=
# shellcheck disable=SC2034 # aws.sh reads them
aws_access_key_id='' aws_secret_access_key='' aws_session_token=''

# imds_get PATH: the text is in reply_body; fails where the service has none.
imds_get() {
  if [[ -z $imds_token ]]; then
    exchange PUT "$imds_url/api/token" "" "" --header 'X-aws-ec2-metadata-token-ttl-seconds: 900' --max-time 5
    if [[ $reply_status != 200 ]]; then
      obstacle="instance metadata: token request answered $(describe_reply)"
      return 1
    fi
    imds_token=$reply_body
  fi
  curl_header X-aws-ec2-metadata-token "$imds_token"
  exchange GET "$imds_url/$1" "" "$header_line" --max-time 5
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
