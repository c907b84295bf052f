#!/bin/bash
# Makes Debian's root file system, at $1, one that boots in a container within half a second and leaves its host alone.
set -Eeuo pipefail

main() {
  local root=$1 unit

  # Hardware, consoles and timers of a machine. The gettys and logind would open the real host's terminals, which a
  # privileged container sees; the audit socket its kernel's audit stream.
  for unit in \
    apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
    console-getty.service container-getty@.service getty@.service getty.target serial-getty@.service \
    dev-hugepages.mount sys-fs-fuse-connections.mount sys-kernel-config.mount sys-kernel-debug.mount \
    sys-kernel-tracing.mount modprobe@.service systemd-modules-load.service \
    systemd-firstboot.service systemd-journald-audit.socket systemd-journal-flush.service systemd-logind.service \
    systemd-pstore.service systemd-random-seed.service systemd-remount-fs.service \
    systemd-update-utmp.service systemd-update-utmp-runlevel.service; do
    ln -sf /dev/null "$root/etc/systemd/system/$unit"
  done
  ln -sf /lib/systemd/system/multi-user.target "$root/etc/systemd/system/default.target"

  # Debian's defaults for the kernel are the real host's business; what a node sets itself still applies.
  rm -f "$root"/etc/sysctl.d/*.conf "$root"/usr/lib/sysctl.d/*.conf "$root"/lib/sysctl.d/*.conf

  # The journal lives in memory, and a component that says a lot is not cut off while somebody looks for its fault.
  mkdir -p "$root/etc/systemd/journald.conf.d"
  printf '[Journal]\nStorage=volatile\nRuntimeMaxUse=64M\nRateLimitIntervalSec=0\n' \
    >"$root/etc/systemd/journald.conf.d/lab.conf"
  rm -rf "$root/var/log/journal"

  # Ninety seconds is for disks; nothing here needs more than ten to stop.
  mkdir -p "$root/etc/systemd/system.conf.d"
  printf '[Manager]\nDefaultTimeoutStopSec=10s\n' >"$root/etc/systemd/system.conf.d/lab.conf"

  # EC2 carries no multicast: nobody answers there to a name without a dot but the VPC's own name server.
  mkdir -p "$root/etc/systemd/resolved.conf.d"
  printf '[Resolve]\nLLMNR=no\nMulticastDNS=no\n' >"$root/etc/systemd/resolved.conf.d/lab.conf"

  # mmdebstrap took these from the machine it ran on.
  printf '127.0.0.1 localhost\n::1 localhost\n' >"$root/etc/hosts"
  printf 'localhost\n' >"$root/etc/hostname"
  rm -f "$root/etc/resolv.conf"
  install -m 644 /dev/null "$root/etc/resolv.conf"

  : >"$root/etc/machine-id" # each host makes its own
  rm -f "$root"/var/cache/apt/archives/*.deb "$root"/var/lib/apt/lists/*_*
}

main "$@"
