# shellcheck shell=bash
# What a server tells of the membership of its products. That it cannot tell is an answer too, never an error: whoever
# decides weighs it against what others say.
source "${BASH_SOURCE[0]%/*}/service.sh"
source "${BASH_SOURCE[0]%/*}/consul_raft.sh"
source "${BASH_SOURCE[0]%/*}/consul_cluster.sh"
source "${BASH_SOURCE[0]%/*}/nomad_raft.sh"
source "${BASH_SOURCE[0]%/*}/vault_raft.sh"
source "${BASH_SOURCE[0]%/*}/vault_seal.sh"

# A product may hang, and AWS too, and the document has 60 s: what one request may take, how long AWS is asked again,
# and what all that is asked about one product may take.
# shellcheck disable=SC2034 # api.sh and aws.sh read them
api_seconds=10 aws_patience_seconds=20
patience_seconds=45

cluster_id=null

# observe PRODUCT...: {PRODUCT: what is told of it}. They are asked side by side, so that one that hangs holds up no
# other; each in a process group of its own, which ends as a whole.
observe() {
  local product told='' asked=() alarm
  set -m
  for product in "$@"; do
    ask &
    asked+=("$!")
  done
  {
    sleep "$patience_seconds"
    kill -- "${asked[@]/#/-}" 2>/dev/null || true # some have ended
  } &
  alarm=$!
  set +m
  wait "${asked[@]}" || true            # how each ended is in its own folder
  kill -- "-$alarm" 2>/dev/null || true # it may have gone off
  for product in "$@"; do
    told+=,\"$product\":$(what_was_told)
  done
  result "{${told#,}}"
}

# ask: about $product, in a process and a folder of its own, so that what fails there ends nothing else.
ask() {
  work_dir=$work_dir/$product
  mkdir "$work_dir"
  look
  printf '%s' "$result_line" >"$work_dir/telling"
  mv "$work_dir/telling" "$work_dir/told" # whole, or not there
}

what_was_told() {
  local -r folder=$work_dir/$product
  if [[ -e $folder/told ]]; then
    printf '%s' "$(<"$folder/told")"
    return 0
  fi
  local reason="$product did not tell within $patience_seconds s"
  [[ ! -e $folder/verdict ]] || reason=$(<"$folder/verdict") reason=${reason#* }
  tell true false "$reason"
  printf '%s' "$result_line"
}

look() {
  if ! is_running "$product"; then
    tell false false "$product does not run here"
    return 0
  fi
  case $product in
  consul)
    use_consul_token
    ! read_consul_cluster || cluster_id=$consul_cluster
    ;;
  vault) ! try_for 5 read_seal || cluster_id=$vault_cluster ;;
  nomad) use_nomad_token ;; # its API tells no id of the cluster
  esac
  try_for 5 "${product}_read_own_id" || own_raft_id=
  if [[ $sealed == true ]]; then
    tell true false "Vault is sealed here"
  elif try_for 3 "${product}_read_membership"; then
    tell true true "as its leader tells it"
  else
    tell true false "$obstacle"
  fi
}

# tell RUNNING KNOWN REASON
tell() {
  local id leads=null told='' own=null
  if [[ $2 == true ]]; then
    leads=$(json_string "$leader")
    for id in "${peers[@]}"; do
      told+=,$(peer_as_json "$id")
    done
  fi
  [[ -z $own_raft_id ]] || own=$(json_string "$own_raft_id")
  result "{\"running\":$1,\"known\":$2,\"reason\":$(json_string "$3"),\
\"cluster_id\":$cluster_id,\"own_raft_id\":$own,\"leader\":$leads,\"sealed\":$sealed,\"peers\":[${told#,}]}"
}

# peer_as_json ID
peer_as_json() {
  local name=null
  [[ -z ${name_of[$1]} ]] || name=$(json_string "${name_of[$1]}")
  printf '{"id":%s,"name":%s,"address":%s,"voter":%s,"healthy":%s}' "$(json_string "$1")" "$name" \
    "$(json_string "${address_of[$1]}")" "${votes[$1]}" "${healthy[$1]}"
}
