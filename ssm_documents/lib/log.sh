# shellcheck shell=bash
# Words for an operator, on stderr. Never a secret: values stay in variables, only names are logged.

log() {
  TZ=UTC printf '%(%H:%M:%S)T %s\n' -1 "$*" >&2
}
