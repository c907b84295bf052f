# shellcheck shell=bash
# The node's key pair. /etc/quorate/tls is a link to a directory that holds a key and its certificate, so that both
# change places with the next pair in one rename: no product ever reads a certificate that is not its key's.
source "${BASH_SOURCE[0]%/*}/result.sh"
source "${BASH_SOURCE[0]%/*}/tls_group.sh"

# ensure_key LINK: a directory behind it with a key in it, and the request for its certificate.
ensure_key() {
  local -r link=$1
  local place
  if [[ ! -d $link ]]; then
    rm -f "$link"
    place=$(mktemp --directory "$root/etc/quorate/tls-XXXXXX")
    chown "root:$tls_group" "$place"
    chmod 0750 "$place"
    ln --symbolic "${place##*/}" "$link"
  fi
  [[ -s $link/node.key ]] || make_key "$link/node.key"
  [[ -s $link/node.csr && $link/node.csr -nt $link/node.key ]] || make_request "$link"
}

make_key() {
  openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out "$1.new"
  chown "root:$tls_group" "$1.new"
  chmod 0640 "$1.new"
  mv "$1.new" "$1"
  # shellcheck disable=SC2034
  key_changed=true
}

# It asks for no name: names are the authority's decision, and a request for one is refused.
make_request() {
  openssl req -new -key "$1/node.key" -subj /O=quorate -out "$1/node.csr.new"
  mv "$1/node.csr.new" "$1/node.csr"
  # shellcheck disable=SC2034
  key_changed=true
}

# shellcheck disable=SC2034 # the caller reads it
key_changed=false

# is_for LINK CERTIFICATE: whether the certificate is of the key there.
is_for() {
  [[ -s $1/node.key && $(openssl pkey -in "$1/node.key" -pubout) == $(openssl x509 -in "$2" -noout -pubkey) ]]
}

# take_next: the pair that was prepared takes the place of the one in use.
take_next() {
  mv --no-target-directory "$next_tls" "$tls"
  local place current
  current=$(readlink "$tls")
  for place in "$root"/etc/quorate/tls-*; do
    [[ ${place##*/} == "$current" ]] || rm -rf "$place"
  done
}
