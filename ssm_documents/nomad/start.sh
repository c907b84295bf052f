#!/usr/bin/env bash
# Starts Nomad and sees that its agent answers. A client asks once, at its start, what its host can do: so what it will
# find has to be there before.
set -Eeuo pipefail
source "${BASH_SOURCE[0]%/*}/../lib/parameters.sh"
source "${BASH_SOURCE[0]%/*}/../lib/service.sh"
source "${BASH_SOURCE[0]%/*}/../lib/api.sh"
source "${BASH_SOURCE[0]%/*}/../lib/introduction.sh"

require_parameters Cluster Region Bucket Kind Introduction
readonly kind=${SSM_Kind:?} introduction=${SSM_Introduction:?}

main() {
  require_one_of Kind "$kind" server client
  if [[ $kind == client ]]; then
    consul_token=$(jq --raw-output '.consul.token // empty' "$root/etc/nomad.d/secrets.json")
    wait_until 80 "Consul's agent, with Nomad's token" succeeds consul GET agent/self
    consul_token=
    [[ ! -e $root/var/lib/quorate/installed/docker ]] || wait_until 30 "Docker's daemon" docker_answers
    [[ $introduction == - ]] || take_introduction "$introduction"
  fi
  run_service nomad
  await_service 60 nomad answers nomad GET agent/health
  result "{\"changed\":$service_changed}"
}

docker_answers() {
  obstacle=$(docker info 2>&1 >/dev/null)
}

main "$@"
