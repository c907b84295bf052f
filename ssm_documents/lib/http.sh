# shellcheck shell=bash
# One HTTP exchange by curl. Secrets never become arguments, where a process list shows them: headers that carry one go
# through `--config` on a descriptor, bodies through stdin.
source "${BASH_SOURCE[0]%/*}/result.sh"

# The answer of the last exchange. Status 000: nothing answered.
reply_status=000
reply_body=

header_line=

# curl_header NAME VALUE: as a line for `--config`, in header_line.
curl_header() {
  local -r value=${2//\\/\\\\}
  header_line="header = \"$1: ${value//\"/\\\"}\""
}

# exchange METHOD URL BODY CONFIG [curl options...]: never fails, the caller reads reply_status. BODY is JSON, which the
# line's end that a here-string adds leaves as it is.
exchange() {
  local -r method=$1 url=$2 body=$3 config=$4
  shift 4
  local answer options=(--request "$method")
  [[ -z $body ]] || options+=(--data-binary @-)
  answer=$(
    exec 2>"$work_dir/curl.log"
    [[ -z $body ]] || exec <<<"$body"
    [[ -z $config ]] || exec 4<<<"$config"
    exec curl --silent --show-error --noproxy '*' --connect-timeout 5 --max-time 60 --write-out '\n%{http_code}' \
      ${config:+--config /dev/fd/4} "${options[@]}" "$@" "$url"
  ) || true # status 000 says it
  reply_status=${answer##*$'\n'}
  reply_body=${answer%"$reply_status"}
  reply_body=${reply_body%$'\n'}
  [[ $reply_status =~ ^[0-9]{3}$ ]] || reply_status=000
  if [[ $reply_status == 000 ]]; then
    read -r reply_body <"$work_dir/curl.log" || true # it may have no line
  fi
}

# read_plain NAME VARIABLE: the text under NAME in reply_body, which is JSON; by the shell, as jq may not be there yet
# and takes longer than the exchange. Fails where there is none, or JSON had to escape more of it than quotes, for which
# a character stands in that no JSON has.
read_plain() {
  local -r quote=$'\1' text="\"$1\" *: *\"([^\"\\]+)\""
  [[ ${reply_body//\\\"/$quote} =~ $text ]] || return 1
  printf -v "$2" '%s' "${BASH_REMATCH[1]//$quote/\"}"
}

# reply_has NAME VALUE: whether reply_body has it so, in JSON's own words, as `sealed true` or `type '"shamir"'`. For an
# object without objects in it.
reply_has() {
  local -r pair="\"$1\" *: *$2 *[,}]"
  [[ $reply_body =~ $pair ]]
}

# What to tell of the last answer: its status and, of an error, the start of its text. Never used for a success.
describe_reply() {
  local text=${reply_body//[[:cntrl:]]/ }
  printf '%s%s' "$reply_status" "${text:+ (${text:0:160})}"
}
