# shellcheck shell=bash
# Gossip on its way to a new key: every member gets it (install), then speaks with it (use), then forgets the old one
# (remove). The secret is a step ahead, so that a node which starts meanwhile understands everybody. Each step looks
# before it acts, may be run again from anywhere, and says whether everybody has followed.
# Needs a product's own file: read_alive, read_ring, change_key.
source "${BASH_SOURCE[0]%/*}/lease.sh"
source "${BASH_SOURCE[0]%/*}/api.sh"
source "${BASH_SOURCE[0]%/*}/step.sh"
source "${BASH_SOURCE[0]%/*}/keyring.sh"
source "${BASH_SOURCE[0]%/*}/secret_store.sh"

# Names of the members that are alive, one a line.
alive=
# {"nodes": how many members are alive, "keys": {key: how many have it}, "primaries": {key: how many speak with it}, or
# null where the product does not tell}.
ring=

# rekey SECRET STEP
rekey() {
  require_lease
  require_ring
  advance_keyring "$1" "$2"
  require_lease
  "rekey_$2"
}

rekey_install() {
  everybody_has_it || change_ring install .new
  require_everybody
  everybody_has_it || await_step "$(share_of have) have the new key"
  note_step "all members have the new key"
}

rekey_use() {
  require_everybody
  everybody_has_it || await_step "$(share_of have) have the new key: the old one stays in use"
  everybody_speaks_it || change_ring use .new
  everybody_speaks_it || await_step "not all members speak with the new key${obstacle:+: $obstacle}"
  note_step "all members speak with the new key"
}

rekey_remove() {
  require_everybody
  everybody_has_it || await_step "$(share_of have) have the new key: the old one stays"
  everybody_speaks_it || await_step "not all members speak with the new key: the old one stays"
  while ring_says '.old | length > 0'; do
    change_ring remove '.old[0]'
  done
  note_step "no member knows an old key any more"
}

everybody_has_it() {
  ring_says '.have == .nodes'
}

# Where a product does not tell, to say it once more is how to know: the call succeeds only if each member did it.
everybody_speaks_it() {
  obstacle=
  if ! ring_says '.speak == null'; then
    ring_says '.speak == .nodes'
    return
  fi
  change_key use "$(ring_value .new)"
  [[ $reply_status != 200 ]] || return 0
  obstacle=$(describe_reply)
  return 1
}

# require_everybody: whoever belongs to the cluster (`values.expected`, by AWS's word) is alive in gossip. One that is
# silent cannot be given a key, and would be shut out for good.
require_everybody() {
  local missing
  try_for 10 read_alive || await_step "$obstacle"
  missing=$(jq --raw-output --arg alive "$alive" '.values.expected - ($alive | split("\n"))
    | if length > 5 then .[:5] + ["and \(length - 5) more"] else . end | join(", ")' "$file_set")
  [[ -z $missing ]] || await_step "not alive in gossip: $missing"
}

require_ring() {
  try_for 10 read_ring || await_step "$obstacle"
}

# change_ring VERB FILTER: of the key that FILTER finds. A member that still speaks with a key refuses to forget it
# (memberlist/keyring.go, RemoveKey), and then the call fails.
change_ring() {
  change_key "$1" "$(ring_value "$2")"
  [[ $reply_status == 200 ]] || await_step "to $1 a key was answered $(describe_reply)"
  step_changed=true
  require_ring
}

# ring_says FILTER, ring_value FILTER: of what $ring and $keyring come to, as {"nodes", "new": key, "old": [key],
# "have", "speak": how many}. Keys never become arguments.
ring_says() {
  ring_value "$1" --exit-status >/dev/null
}

# shellcheck disable=SC2016 # jq's variables
ring_facts='$rings[0] as $ring | $keyrings[0].new as $new | {
  nodes: $ring.nodes,
  new: $new,
  old: ($ring.keys | keys | map(select(. != $new))),
  have: ($ring.keys[$new] // 0),
  speak: (if $ring.primaries then $ring.primaries[$new] // 0 else null end)
}'

ring_value() {
  jq --null-input --raw-output "${@:2}" --slurpfile rings <(printf '%s' "$ring") \
    --slurpfile keyrings <(printf '%s' "$keyring") "$ring_facts | $1"
}

# share_of WHAT: "2 of 3 members".
share_of() {
  ring_value "\"\\(.$1) of \\(.nodes) members\""
}

# advance_keyring SECRET STEP: the secret, where it is not as far as STEP, and `keyring`. It never goes back.
advance_keyring() {
  local -r secret=$1 towards=$2 rotation=${SSM_Rotation:?}
  local standing fresh=
  read_keyring "$secret"
  [[ $towards != install ]] || fresh=$(make_key)
  standing=$(jq --raw-output --argjson mine "$rotation" --arg step "$towards" '
    if .rotation > $mine then "this is of rotation \($mine), and the secret of \(.rotation)"
    elif .rotation < $mine and (.keys | length) > 1 then "rotation \(.rotation) was never finished"
    elif .rotation < $mine and $step != "install" then "no key was made in rotation \($mine)"
    elif $step == "remove" and .keys[0] != .new then "the new key is not in use"
    else "" end' <<<"$keyring")
  [[ -z $standing ]] || fail 70 "secret ${SSM_SecretsPrefix:?}$secret: $standing"
  local -r before=$keyring
  keyring=$(printf '%s %s' "$keyring" "$(json_string "$fresh")" |
    jq --slurp --compact-output --argjson mine "$rotation" --arg step "$towards" '
      .[1] as $fresh | .[0]
      | if $step == "install" and .rotation < $mine then {rotation: $mine, new: $fresh, keys: [.keys[0], $fresh]}
        elif $step == "use" and .keys[0] != .new then .keys = [.new] + (.keys - [.new])
        elif $step == "remove" then .keys = [.new]
        else . end')
  if [[ $keyring != "$before" ]]; then
    store_version "$secret" "$keyring" AWSCURRENT "$secret rotation $rotation step $towards" ||
      fail 75 "another server has just written secret ${SSM_SecretsPrefix:?}$secret"
  fi
}
