# shellcheck shell=bash
# How a script ends: one JSON line on stdout, words on stderr, and an exit code that says what to do next.
#   0 done   64 bad parameter   69 a dependency is missing   75 not ready yet   70 failed for good
source "${BASH_SOURCE[0]%/*}/places.sh"
source "${BASH_SOURCE[0]%/*}/log.sh"

# Descriptor 3 is the real stdout. What any tool prints on stdout joins the log, so nothing but a result can be one.
exec 3>&1 1>&2
umask 077
export LC_ALL=C

work_dir=
result_line=

# Ends the script, also from within $(...): the verdict outlives the subshell, and whatever its caller makes of it.
fail() {
  local -r code=$1 reason=$2
  log "$reason"
  if [[ -n $work_dir && ! -e $work_dir/verdict ]]; then
    printf '%s %s' "$code" "$reason" >"$work_dir/verdict"
  fi
  exit "$code"
}

# Keeps the result until the script has really ended well.
result() {
  result_line=$1
}

# json_string TEXT: by the shell itself, because jq may not be there yet and takes as long as ten of these.
json_string() {
  local text=$1
  text=${text//\\/\\\\}
  text=${text//\"/\\\"}
  text=${text//$'\n'/\\n}
  text=${text//$'\t'/\\t}
  text=${text//[[:cntrl:]]/ }
  printf '"%s"' "$text"
}

# BASH_COMMAND is the source text before expansion: no value of a variable is in it.
end_at_error() {
  local -r code=$1 line=$2 command=${3%%$'\n'*}
  [[ -e $work_dir/verdict ]] || fail 70 "line $line: '${command:0:100}' ended with $code"
  local verdict
  read -r verdict _ <"$work_dir/verdict" || true # no newline at its end
  exit "$verdict"
}

finish() {
  local code=$? reason=
  if [[ -e $work_dir/verdict ]]; then
    reason=$(<"$work_dir/verdict")
    code=${reason%% *} reason=${reason#* }
  fi
  if declare -F before_end >/dev/null; then
    before_end || true # a script's own last duty: it changes nothing about how the script ended
  fi
  [[ -z $work_dir ]] || rm -rf -- "$work_dir"
  if ((code == 0)) && [[ -z $result_line ]]; then
    code=70 reason="ended without a result"
  fi
  case $code in
  0) printf '%s\n' "$result_line" >&3 ;;
  64 | 69 | 70 | 75) printf '{"reason":%s}\n' "$(json_string "${reason:-ended with $code}")" >&3 ;;
  *)
    printf '{"reason":%s}\n' "$(json_string "${reason:-ended with $code}")" >&3
    code=70
    ;;
  esac
  exit "$code"
}

trap finish EXIT
trap 'end_at_error "$?" "$LINENO" "$BASH_COMMAND"' ERR

make_path "$root/var/lib/quorate"
work_dir=$(mktemp -d "$root/var/lib/quorate/work.XXXXXX")
