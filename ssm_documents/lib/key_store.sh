# shellcheck shell=bash
# The one secret that keeps Vault's keys. The ids of its versions are request tokens of ours, and a label names the
# server: who may ask for those knows whether there are keys and whose they are, and reads none.
source "${BASH_SOURCE[0]%/*}/new_secrets.sh"
source "${BASH_SOURCE[0]%/*}/imds.sh"

# Of a version that no reader of keys asks for: the write test, and keys of a Vault that is not finished.
probe_label=QUORATE_PROBE
unfinished_label=QUORATE_UNFINISHED

# Whose keys are kept: `none`; `ours`, which this server stored in this generation; `sibling`, which another server
# stored in this generation; `foreign`.
keys_kept=
# Labels of their version, with a blank around each.
keys_labels=

# read_key_store: the first version that a secret ever gets is its current one, so the probe may be.
read_key_store() {
  local -r current_version='"([^"]+)" *: *[[]([^]]*"AWSCURRENT"[^]]*)[]]' # as VersionIdsToStages has it
  local current=
  secrets_manager DescribeSecret "{\"SecretId\":\"${SSM_SecretsPrefix:?}$key_secret\"}"
  case $reply_status:$aws_error in
  200:*) ;;
  # A tag opens it to the seed, and may take a moment to count.
  *:AccessDeniedException) fail 75 "secret $key_secret is not open to this node" ;;
  *) fail 70 "asking for secret $key_secret answered $reply_status $aws_error" ;;
  esac
  keys_labels=
  if [[ $reply_body =~ $current_version ]]; then
    current=${BASH_REMATCH[1]}
    keys_labels=" ${BASH_REMATCH[2]//[^A-Za-z0-9_-]/ } "
  fi
  if [[ -z $current || $current == "$(write_token "$key_secret $probe_label")" ]]; then
    keys_kept=none
  elif [[ $current != "$(write_token "$key_secret AWSCURRENT generation ${SSM_Generation:?}")" ]]; then
    keys_kept=foreign
  else
    [[ $keys_labels == *" $(own_label) "* ]] && keys_kept=ours || keys_kept=sibling
  fi
}

# refuse_foreign_keys: those are of another Vault, which may live.
refuse_foreign_keys() {
  [[ $keys_kept != foreign ]] || fail 70 "secret $key_secret has keys that generation $SSM_Generation did not store: \
they are never written over; move them away before this generation forms a Vault"
}

# try_key_store: what is written must be what is read.
try_key_store() {
  local -r probe='{"probe":"no keys"}'
  # For the same in every generation: that is how a version without keys is known.
  store_version "$key_secret" "$probe" "$probe_label" "$key_secret $probe_label" ||
    fail 70 "the key store holds another probe"
  read_secret "$key_secret" "$probe_label" || secret_value=
  [[ $secret_value == "$probe" ]] || fail 70 "the key store does not return what was written to it"
}

own_label() {
  printf 'QUORATE_STORED_BY_%s' "${instance_id:?}"
}

# store_unfinished_keys KEYS: of a Vault that nobody but this script can reach yet.
store_unfinished_keys() {
  store_version "$key_secret" "$1" "$unfinished_label" "$key_secret $(make_token)"
}

# keep_keys KEYS: from now on they are the cluster's. Fails where another server of this generation was first.
keep_keys() {
  store_version "$key_secret" "$1" "AWSCURRENT $(own_label)" "$key_secret AWSCURRENT generation ${SSM_Generation:?}"
}

instance_id=

# read_instance_id: a probe.
read_instance_id() {
  imds_get meta-data/instance-id || return 1
  instance_id=$reply_body
}
