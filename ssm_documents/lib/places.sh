# shellcheck shell=bash
# Where things are. QUORATE_ROOT puts all of it under another directory: tests run the scripts there. A node has none.

root=${QUORATE_ROOT:-}

# make_path DIRECTORY: with its parents, readable by all: what must be private is so by the modes inside.
make_path() {
  [[ -d $1 ]] || (umask 022 && mkdir -p "$1")
}

# A link to the key and certificate in use, and one to those that are prepared (node_key.sh).
tls=$root/etc/quorate/tls
# shellcheck disable=SC2034 # read by the files that source this one
next_tls=$tls.next
# shellcheck disable=SC2034
authority_file=$tls/ca.pem
# shellcheck disable=SC2034
certificate_file=$tls/node.pem
# shellcheck disable=SC2034
key_file=$tls/node.key
