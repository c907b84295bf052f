# shellcheck shell=bash
# Who may read the node's key: the products, each under an account of its own.
# shellcheck disable=SC2034 # read by the files that source this one
tls_group=quorate-tls
