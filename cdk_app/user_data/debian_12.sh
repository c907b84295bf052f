#!/usr/bin/env bash
# Debian's images come without the SSM agent. It is fetched from AWS's own bucket in the region, which the S3 gateway
# endpoint reaches; from then on every step of the node is a document.
set -Eeuo pipefail

: "${REGION:?}" "${ARCHITECTURE:?}"
readonly URL="https://s3.${REGION}.amazonaws.com/amazon-ssm-${REGION}/latest/debian_${ARCHITECTURE}/amazon-ssm-agent.deb"
readonly PACKAGE=/run/amazon-ssm-agent.deb

main() {
  local attempt
  for attempt in 1 2 3 4 5; do
    # cloud-init needs Python, so every Debian image has it; curl it need not have.
    if python3 -c 'import sys, urllib.request; urllib.request.urlretrieve(*sys.argv[1:])' "$URL" "$PACKAGE"; then
      dpkg --install "$PACKAGE"
      systemctl enable --now amazon-ssm-agent
      return
    fi
    echo "attempt $attempt: $URL cannot be fetched" >&2
    sleep 5
  done
  echo "no SSM agent: the launch hook abandons this instance" >&2
  return 1
}

main "$@"
