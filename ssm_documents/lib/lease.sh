# shellcheck shell=bash
# The membership lease, read by the node itself just before it changes anything: a command may come late, or twice, and
# the number that it carries says of which turn it is. Rules: lambdas/domain/membership/lease.py, `may_change`.
source "${BASH_SOURCE[0]%/*}/aws.sh"
source "${BASH_SOURCE[0]%/*}/change.sh"

change_seconds=60

# Why the lease is none for this command; empty where it is.
lease_refusal=

lease_owner='"owner" *: *[{] *"S" *: *"[^"]'

# number_of NAME: whole, of the record in reply_body. By the shell itself: a change reads its lease twice.
number_of() {
  local -r number="\"$1\" *: *[{] *\"N\" *: *\"([0-9]+)([.][0-9]*)?\""
  [[ $reply_body =~ $number ]] && printf '%s' "${BASH_REMATCH[1]}"
}

# read_lease FENCING TABLE
read_lease() {
  local -r fencing=$1 table=$2
  local owned=false number=0 held_until=0 left
  lease_refusal=
  aws_patience_seconds=20
  dynamodb GetItem "{\"TableName\":\"$table\",\"ConsistentRead\":true,\
\"Key\":{\"pk\":{\"S\":\"lease\"},\"sk\":{\"S\":\"membership\"}}}" --dump-header "$work_dir/lease_headers"
  [[ $reply_status == 200 ]] || fail 70 "reading the membership lease answered $reply_status $aws_error"
  # Where there is no lease, DynamoDB answers an empty object.
  if [[ $reply_body != '{}' ]]; then
    number=$(number_of fencing) || fail 70 "the membership lease is not understood"
    held_until=$(number_of held_until) || fail 70 "the membership lease is not understood"
    [[ ! $reply_body =~ $lease_owner ]] || owned=true
  fi
  left=$((held_until - $(aws_now)))
  if [[ $number != "$fencing" ]]; then
    lease_refusal="this command is of turn $fencing of the membership lease, which is at $number"
  elif [[ $owned != true ]]; then
    lease_refusal="turn $fencing of the membership lease is over"
  elif ((left < change_seconds)); then
    lease_refusal="the membership lease has $left s left, and a change takes up to $change_seconds"
  fi
}

# require_lease: of this command's turn, and long enough; otherwise nothing is changed.
require_lease() {
  [[ ${SSM_Fencing:?} =~ ^[0-9]+$ ]] || fail 64 "parameter Fencing is '$SSM_Fencing': a server's change needs a number"
  read_lease "$SSM_Fencing" "${SSM_LeaseTable:?}"
  [[ -z $lease_refusal ]] || refuse "$lease_refusal"
}

# aws_now: seconds since the epoch by the clock of whoever just answered; a node's own may be off by minutes.
aws_now() {
  local line told=now
  while read -r line; do
    [[ ${line,,} != date:* ]] || told=${line#*:}
  done <"$work_dir/lease_headers"
  date --date "${told%$'\r'}" +%s
}
