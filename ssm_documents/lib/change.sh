# shellcheck shell=bash
# How a script ends that may change a product's membership: with a change, or without one and the reason. Both are well:
# the next turn looks again.

refuse() {
  log "nothing changed: $1"
  result "{\"changed\":false,\"reason\":$(json_string "$1")}"
  exit 0
}

note_change() {
  log "$1"
  result "{\"changed\":true,\"reason\":$(json_string "$1")}"
}
