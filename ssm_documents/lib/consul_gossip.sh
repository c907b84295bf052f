# shellcheck shell=bash
# Consul's list of members, on which those that went stay for 72 hours.
source "${BASH_SOURCE[0]%/*}/api.sh"
source "${BASH_SOURCE[0]%/*}/change.sh"

forgotten=false

# forget_member TAG VALUE: the member whose name, or tag `id`, is VALUE. One that is alive is not forgotten.
forget_member() {
  local -r tag=$1 value=$2
  local name
  wait_until 10 "Consul's members" succeeds consul GET agent/members
  name=$(member_named "$tag" "$value")
  [[ -n $name ]] || return 0
  try_for 30 has_gone "$tag" "$value" || refuse "$obstacle"
  consul_api PUT "agent/force-leave/$name?prune"
  [[ $reply_status == 200 ]] || fail 75 "Consul's force-leave answered $(describe_reply)"
  wait_until 15 "Consul's members without $name" is_forgotten "$tag" "$value"
  # shellcheck disable=SC2034 # the caller reads it
  forgotten=true
}

# member_named TAG VALUE [FILTER]
member_named() {
  jq --raw-output --arg tag "$1" --arg value "$2" \
    ".[] | select((if \$tag == \"id\" then .Tags.id else .Name end) == \$value) | select(${3:-true}).Name" \
    <<<"$reply_body"
}

has_gone() {
  succeeds consul GET agent/members || return 1
  obstacle="$2 is alive in Consul's gossip: it has to leave by itself"
  [[ -z $(member_named "$1" "$2" '.Status < 3') ]] # 1 alive, 2 leaving, 3 left, 4 failed
}

is_forgotten() {
  succeeds consul GET agent/members || return 1
  obstacle="it is still listed"
  [[ -z $(member_named "$1" "$2") ]]
}
