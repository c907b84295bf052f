# shellcheck shell=bash
# Gossip on its way to a new key: every member gets it (install), then speaks with it (use), then forgets the old one
# (remove). The secret is a step ahead, so that a node which starts meanwhile understands everybody. Each step looks
# before it acts, may be run again from anywhere, and says whether everybody has followed.
# Needs a product's own file: read_members, read_ring and change_key, and two jq filters of what those two are answered:
# alive_names, the names of the members that are alive, and ring_told, as {"nodes": how many members are alive, "keys":
# {key: how many have it}, "primaries": {key: how many speak with it}, or null where the product does not tell}.
source "${BASH_SOURCE[0]%/*}/lease.sh"
source "${BASH_SOURCE[0]%/*}/api.sh"
source "${BASH_SOURCE[0]%/*}/step.sh"
source "${BASH_SOURCE[0]%/*}/keyring.sh"
source "${BASH_SOURCE[0]%/*}/secret_store.sh"

# What the product told of its keys, and what it and the keyring come to: how many members there are, have the new key
# and speak with it (`null`: not told), that key, and an old one that somebody still has.
ring=
keyring=
nodes='' have='' speak='' new_key='' old_key=''

# rekey SECRET STEP
rekey() {
  require_lease
  require_ring
  advance_keyring "$1" "$2"
  compare_ring
  require_lease
  "rekey_$2"
}

rekey_install() {
  everybody_has_it || change_ring install "$new_key"
  require_everybody
  everybody_has_it || await_step "$have of $nodes members have the new key"
  note_step "all members have the new key"
}

rekey_use() {
  require_everybody
  everybody_has_it || await_step "$have of $nodes members have the new key: the old one stays in use"
  everybody_speaks_it || change_ring use "$new_key"
  everybody_speaks_it || await_step "not all members speak with the new key${obstacle:+: $obstacle}"
  note_step "all members speak with the new key"
}

rekey_remove() {
  require_everybody
  everybody_has_it || await_step "$have of $nodes members have the new key: the old one stays"
  everybody_speaks_it || await_step "not all members speak with the new key: the old one stays"
  while [[ -n $old_key ]]; do
    change_ring remove "$old_key"
  done
  note_step "no member knows an old key any more"
}

everybody_has_it() {
  [[ $have == "$nodes" ]]
}

# Where a product does not tell, to say it once more is how to know: the call succeeds only if each member did it.
everybody_speaks_it() {
  obstacle=
  if [[ $speak != null ]]; then
    [[ $speak == "$nodes" ]]
    return
  fi
  change_key use "$new_key"
  [[ $reply_status != 200 ]] || return 0
  obstacle=$(describe_reply)
  return 1
}

# require_everybody: whoever belongs to the cluster (`values.expected`, by AWS's word) is alive in gossip. One that is
# silent cannot be given a key, and would be shut out for good.
require_everybody() {
  local missing
  try_for 10 read_members || await_step "$obstacle"
  missing=$(jq --raw-output --slurpfile set "$file_set" "\$set[0].values.expected - [$alive_names]"'
    | if length > 5 then .[:5] + ["and \(length - 5) more"] else . end | join(", ")' <<<"$reply_body")
  [[ -z $missing ]] || await_step "not alive in gossip: $missing"
}

require_ring() {
  try_for 10 read_ring || await_step "$obstacle"
  ring=$reply_body
  reply_body=
}

# change_ring VERB KEY. A member that still speaks with a key refuses to forget it (memberlist/keyring.go, RemoveKey),
# and then the call fails.
change_ring() {
  change_key "$1" "$2"
  [[ $reply_status == 200 ]] || await_step "to $1 a key was answered $(describe_reply)"
  step_changed=true
  require_ring
  compare_ring
}

# compare_ring: $ring with $keyring. Keys never become arguments, and have no blanks.
compare_ring() {
  local facts
  # shellcheck disable=SC2016 # jq's variables
  facts=$(jq --raw-output --slurpfile keyrings <(printf '%s' "$keyring") "$ring_told"' | $keyrings[0].new as $new
    | "\(.nodes) \(.keys[$new] // 0) \(if .primaries then .primaries[$new] // 0 else null end) \($new) "
      + (.keys | keys - [$new] | first // "")' < <(printf '%s' "$ring"))
  read -r nodes have speak new_key old_key <<<"$facts"
}

# advance_keyring SECRET STEP: the secret, where it is not as far as STEP, and `keyring`. It never goes back.
advance_keyring() {
  local -r secret=$1 towards=$2 rotation=${SSM_Rotation:?}
  local told fresh=
  require_secret "$secret"
  [[ $towards != install ]] || fresh=$(make_key)
  told=$(printf '%s %s' "$secret_value" "$(json_string "$fresh")" |
    jq --slurp --raw-output --argjson mine "$rotation" --arg step "$towards" '
      .[1] as $fresh | .[0] as $before | $before | '"$keyring_alone"'
      | if .rotation > $mine then "this is of rotation \($mine), and the secret of \(.rotation)"
        elif .rotation < $mine and (.keys | length) > 1 then "rotation \(.rotation) was never finished"
        elif .rotation < $mine and $step != "install" then "no key was made in rotation \($mine)"
        elif $step == "remove" and .keys[0] != .new then "the new key is not in use"
        elif $step == "install" and .rotation < $mine then {rotation: $mine, new: $fresh, keys: [.keys[0], $fresh]}
        elif $step == "use" and .keys[0] != .new then .keys = [.new] + (.keys - [.new])
        elif $step == "remove" then .keys = [.new]
        else . end
      | if type == "string" then . elif . == $before then "same", tojson else "another", tojson end') || told=
  secret_value=
  [[ -n $told ]] || fail 70 "secret ${SSM_SecretsPrefix:?}$secret holds no keyring"
  [[ $told == *$'\n'* ]] || fail 70 "secret ${SSM_SecretsPrefix:?}$secret: $told"
  keyring=${told#*$'\n'}
  if [[ $told == another* ]]; then
    store_version "$secret" "$keyring" AWSCURRENT "$secret rotation $rotation step $towards" ||
      fail 75 "another server has just written secret ${SSM_SecretsPrefix:?}$secret"
  fi
}
