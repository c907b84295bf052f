# shellcheck shell=bash
# The products' own HTTP APIs on this node, over TLS that the cluster's authority vouches for. A token lives in
# <product>_token and goes out as a header that no process list shows.
source "${BASH_SOURCE[0]%/*}/http.sh"
source "${BASH_SOURCE[0]%/*}/wait.sh"

consul_token=
vault_token=
nomad_token=

# Whose API: this node's, unless a script asks another server.
consul_url=https://127.0.0.1:8501
vault_url=https://127.0.0.1:8200
nomad_url=https://127.0.0.1:4646

# A product that hangs accepts connections and never answers. Who has little time sets less.
api_seconds=60

consul_api() { # METHOD PATH [BODY]
  product_api "$consul_url" X-Consul-Token "$consul_token" "$@"
}

vault_api() { # METHOD PATH [BODY [curl options...]]
  product_api "$vault_url" X-Vault-Token "$vault_token" "$@"
}

nomad_api() { # METHOD PATH [BODY]
  product_api "$nomad_url" X-Nomad-Token "$nomad_token" "$@"
}

product_api() {
  local -r url=$1 header=$2 token=$3 method=$4 path=$5 body=${6:-}
  shift $(($# < 6 ? $# : 6))
  local config=
  if [[ -n $token ]]; then
    curl_header "$header" "$token"
    config=$header_line
  fi
  exchange "$method" "$url/v1/$path" "$body" "$config" --cacert "$authority_file" \
    --max-time "$api_seconds" --header 'content-type: application/json' "$@"
}

# answers PRODUCT METHOD PATH: a probe; any HTTP answer will do.
answers() {
  "$1_api" "$2" "$3"
  obstacle=$reply_body
  [[ $reply_status != 000 ]]
}

# succeeds PRODUCT METHOD PATH: a probe that wants a 200.
succeeds() {
  "$1_api" "$2" "$3"
  [[ $reply_status != 200 ]] || return 0
  obstacle="$1 answered $(describe_reply) to $3"
  return 1
}

# has_leader PRODUCT: Consul and Nomad say an empty string while there is none.
has_leader() {
  "$1_api" GET status/leader
  [[ $reply_status == 200 && $reply_body == *[0-9]* ]] && return 0
  obstacle="$1 knows no leader: $(describe_reply)"
  return 1
}
