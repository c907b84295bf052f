"""A booted container seen as a machine: whether it lives, and how a process is started inside it."""

import os
import select
import subprocess
import time
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path

# What a service gets from systemd on Debian. No HOME, as a service has none.
SERVICE_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

BOOT_POLL_SECONDS = 0.05

# Joins the control groups of the guest's first process, so that what is started counts there, then enters its
# namespaces and root directory. "0" is the writing process itself. A group that refuses (a controller without
# room for real-time tasks, say) leaves the process where it was, which only its accounting notices.
_ENTER = """
target=$1; groups=$2; shift 2
for group in $groups; do { echo 0 > "$group"; } 2>/dev/null; done
exec /usr/bin/nsenter --target "$target" --mount --uts --ipc --net --pid --cgroup --root --wd -- "$@"
"""


class Guest:
    """One running container, by its first process. Entering it costs some 10 ms; an engine's exec costs 150."""

    def __init__(self, process_id: int) -> None:
        self.process_id = process_id
        self._handle = os.pidfd_open(process_id)
        weakref.finalize(self, os.close, self._handle)  # not earlier: any thread may still ask `alive`

    def start(
        self,
        command: Sequence[str],
        environment: Mapping[str, str] | None = None,
        *,
        stdin: int = subprocess.DEVNULL,
        stdout: int = subprocess.PIPE,
        stderr: int = subprocess.PIPE,
    ) -> subprocess.Popen[bytes]:
        """Start a process inside, leader of a process group of its own."""
        if not self.alive():
            raise ProcessLookupError("the host is off")
        groups = " ".join(_control_groups(self.process_id))
        return subprocess.Popen(
            ["/bin/sh", "-c", _ENTER, "enter", str(self.process_id), groups, *command],
            env={"PATH": SERVICE_PATH, **(environment or {})},
            stdin=stdin,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )

    def call(self, command: Sequence[str], text: str = "") -> subprocess.CompletedProcess[str]:
        """Run a short command inside to its end, with `text` on its standard input."""
        process = self.start(command, stdin=subprocess.PIPE)
        out, err = process.communicate(text.encode())
        return subprocess.CompletedProcess(
            list(command), process.returncode, out.decode(errors="replace"), err.decode(errors="replace")
        )

    def wait_until_booted(self) -> None:
        """Until systemd has started everything that boot wants, or is dead."""
        while self.alive():
            if self.call(["systemctl", "is-system-running", "--wait"]).stdout.strip() in ("running", "degraded"):
                return
            time.sleep(BOOT_POLL_SECONDS)  # no bus yet: systemd itself is still starting

    def has(self, path: str) -> bool:
        """Whether there is a file or directory of that absolute path inside; asks the kernel, and no process there."""
        return self.alive() and Path(f"/proc/{self.process_id}/root{path}").exists()

    def alive(self) -> bool:
        return not self.wait_for_death(0)

    def wait_for_death(self, timeout_seconds: float | None = None) -> bool:
        """Whether the first process ended, after waiting for it at most so long."""
        poll = select.poll()
        poll.register(self._handle, select.POLLIN)
        return bool(poll.poll(None if timeout_seconds is None else timeout_seconds * 1000))


def _control_groups(process_id: int) -> list[str]:
    """The cgroup.procs files of all groups that a process is in."""
    mounts = _cgroup_mounts()
    files = []
    for line in Path(f"/proc/{process_id}/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if mount := mounts.get(controllers):
            files.append(f"{mount}{path.rstrip('/')}/cgroup.procs")
    return files


def _cgroup_mounts() -> dict[str, str]:
    """Where each hierarchy is mounted, by its controllers as /proc/<pid>/cgroup spells them ("" for v2)."""
    mounts = {}
    for line in Path("/proc/self/mounts").read_text().splitlines():
        _, where, kind, options, *_ = line.split()
        if kind == "cgroup2":
            mounts[""] = where
        elif kind == "cgroup":
            names = [o for o in options.split(",") if o not in ("rw", "relatime", "nosuid", "nodev", "noexec")]
            mounts[",".join(name for name in names if name not in ("xattr", "clone_children"))] = where
    return mounts
