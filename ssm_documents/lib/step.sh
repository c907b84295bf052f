# shellcheck shell=bash
# How a step of a rotation ends: over, or not yet and for what it waits. Both are well: the next turn comes.
source "${BASH_SOURCE[0]%/*}/result.sh"

step_changed=false

# note_step REASON: it is over.
note_step() {
  tell_step true "$1"
}

# await_step REASON
await_step() {
  tell_step false "$1"
  exit 0
}

tell_step() {
  log "$2"
  result "{\"done\":$1,\"changed\":$step_changed,\"reason\":$(json_string "$2")}"
}
