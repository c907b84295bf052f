# shellcheck shell=bash
# Calls of AWS's APIs, signed by curl itself (7.88 and newer sign the session token's header too).
source "${BASH_SOURCE[0]%/*}/imds.sh"

aws_patience_seconds=60

# SHA-256 of nothing: S3 demands the header, and curl signs whatever headers it is given.
empty_sha256=e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855

# Text of the error in the last answer: `__type` of JSON services, `Code` of S3's XML.
aws_error=
read_aws_error() {
  local -r json='"__type" *: *"([^"]*#)?([A-Za-z.]+)"' xml='<Code>([A-Za-z]+)</Code>'
  aws_error=
  if [[ $reply_body =~ $json ]]; then
    aws_error=${BASH_REMATCH[2]}
  elif [[ $reply_body =~ $xml ]]; then
    aws_error=${BASH_REMATCH[1]}
  fi
}

# Where the next answer's body goes, instead of reply_body.
aws_download=

# aws_call SERVICE METHOD URL BODY [curl options...]: asks again while AWS is busy or the credentials are stale;
# exit 75 when that lasts. Any other answer is the caller's: reply_status, reply_body, aws_error.
aws_call() {
  local -r service=$1 method=$2 url=$3 body=$4
  shift 4
  local -r end=$((SECONDS + aws_patience_seconds))
  local pause=0.2 config
  while :; do
    ensure_credentials
    curl_header x-amz-security-token "$aws_session_token"
    config="user = \"$aws_access_key_id:$aws_secret_access_key\""$'\n'$header_line
    exchange "$method" "$url" "$body" "$config" --aws-sigv4 "aws:amz:${SSM_Region:?}:$service" "$@" \
      ${aws_download:+--output "$aws_download"}
    [[ $reply_status != 2?? ]] || return 0
    [[ -z $aws_download || ! -e $aws_download ]] || reply_body=$(head --bytes 2000 "$aws_download")
    read_aws_error
    case $reply_status:$aws_error in
    *:ExpiredToken* | *:InvalidClientTokenId | *:UnrecognizedClientException | *:InvalidToken) aws_access_key_id= ;;
    000:* | 429:* | 5??:* | *:*Throttl* | *:RequestLimitExceeded | *:SlowDown | *:RequestTimeout) ;;
    *) return 0 ;;
    esac
    ((SECONDS < end)) || fail 75 "$service answered $(describe_reply) for $aws_patience_seconds s"
    sleep "$pause"
    pause=1
  done
}

# s3_get KEY FILE: an object of the cluster's bucket.
s3_get() {
  local -r key=$1 file=$2
  aws_download=$file
  aws_call s3 GET "https://${SSM_Bucket:?}.s3.${SSM_Region:?}.amazonaws.com/$key" "" \
    --header "x-amz-content-sha256: $empty_sha256" --max-time 240
  aws_download=
  case $reply_status in
  200) return 0 ;;
  404) fail 70 "bucket $SSM_Bucket has no object $key" ;;
  # Without permission to list, S3 answers so for a missing key too; a new role's policy may also take a moment.
  403) fail 75 "bucket $SSM_Bucket refuses object $key" ;;
  *) fail 70 "bucket $SSM_Bucket answered $reply_status for object $key" ;;
  esac
}

# secrets_manager OPERATION BODY
secrets_manager() {
  aws_call secretsmanager POST "https://secretsmanager.${SSM_Region:?}.amazonaws.com/" "$2" \
    --header 'content-type: application/x-amz-json-1.1' --header "x-amz-target: secretsmanager.$1"
}

# dynamodb OPERATION BODY [curl options...]
dynamodb() {
  local -r operation=$1 body=$2
  shift 2
  aws_call dynamodb POST "https://dynamodb.${SSM_Region:?}.amazonaws.com/" "$body" \
    --header 'content-type: application/x-amz-json-1.0' --header "x-amz-target: DynamoDB_20120810.$operation" "$@"
}
