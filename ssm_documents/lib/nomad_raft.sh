# shellcheck shell=bash
# Nomad's servers, by a management token of their own: no ACL policy can allow to read the Raft configuration, to remove
# a peer or to transfer leadership (nomad/operator_endpoint.go asks for IsManagement).
source "${BASH_SOURCE[0]%/*}/raft.sh"
source "${BASH_SOURCE[0]%/*}/nomad_token.sh"

own_raft_id=

# nomad_read_own_id: a probe.
nomad_read_own_id() {
  succeeds nomad GET agent/self || return 1
  obstacle="Nomad tells no id of this server"
  local -r tag='"Tags" *: *[{][^}]*"id" *: *"([^"\\]+)"'
  [[ $reply_body =~ $tag ]] || return 1
  own_raft_id=${BASH_REMATCH[1]}
}

# Gossip among Nomad's servers is tuned for wide areas (nomad/config.go): for three quarters of a minute autopilot finds
# one healthy that was killed. So each is asked here as well, all at once: one whose API gives no answer at all is
# neither alive nor healthy.
nomad_read_membership() {
  read_raft || return 1
  local id answers requests=()
  for id in "${peers[@]}"; do
    requests+=(--output /dev/null "$(status_url "$id")")
  done
  answers=$(curl --silent --parallel --noproxy '*' --connect-timeout 2 --max-time 5 --cacert "$authority_file" \
    --write-out '%{url_effective} %{http_code}\n' "${requests[@]}") || true # some may be gone
  for id in "${peers[@]}"; do
    # shellcheck disable=SC2034 # not every script asks both
    [[ $answers == *"$(status_url "$id") "[1-9]* ]] || healthy[$id]=false alive[$id]=false
  done
}

# status_url ID: which Nomad answers without a token.
status_url() {
  printf 'https://%s:4646/v1/status/leader' "${address_of[$1]%:*}"
}

# nomad_transfer_leadership ID
nomad_transfer_leadership() {
  nomad_api PUT "operator/raft/transfer-leadership?id=$1"
}

# nomad_remove_peer ID: by address is refused since Nomad 1.10.1.
nomad_remove_peer() {
  nomad_api DELETE "operator/raft/peer?id=$1"
}
