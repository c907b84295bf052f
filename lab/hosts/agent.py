"""The SSM agent of one host, as far as Run Command can tell it from the real one.

It stands outside the host, so that it costs the host nothing and a dead lab leaves nothing inside. It answers only
while the agent's service is active there, however that came to be. What a script can notice is as the agent does it:
a file of mode 0700 under the agent's orchestration directory, run by `sh -c` (so the script needs its `#!` line), as
root, in a process group of its own, with the environment of a systemd service (no HOME), and not done before
everything that holds its output open is done.
"""

import contextlib
import logging
import os
import signal
import subprocess
import threading
import time
from dataclasses import dataclass
from typing import IO

from lab.hosts.agent_package import RUNTIME_DIRECTORY
from lab.hosts.guest import Guest
from lab.hosts.seam import Machine, Ran, Run

WORKERS = 5  # CommandWorkersLimit in the agent's configuration, its default
KEPT_BYTES = 1024 * 1024  # of each stream; Run Command itself shows far less
SERVICE_POLL_SECONDS = 0.2  # between looks at the service, which nothing announces; each costs microseconds

_INSTALL_AND_RUN = """
umask 077
mkdir -p "$1" || exit 1
cat > "$1/_script.sh" || exit 1
chmod 0700 "$1/_script.sh" || exit 1
umask 022
exec sh -c "$1/_script.sh" < /dev/null
"""

log = logging.getLogger(__name__)


@dataclass(eq=False)
class _Work:
    """A step that was sent: queued until `process` is there."""

    run: Run
    process: subprocess.Popen[bytes] | None = None
    cancelled: bool = False


class Agent:
    """Takes steps for one host, at most five at a time."""

    def __init__(self, machine: Machine, guest: Guest) -> None:
        self._machine = machine
        self._guest = guest
        self._paused = False
        self._work: list[_Work] = []
        self._steps_of: dict[str, int] = {}
        self._changed = threading.Condition()

    @property
    def online(self) -> bool:
        return not self._paused and self._guest.has(RUNTIME_DIRECTORY)

    def run(self, run: Run) -> Ran:
        work = _Work(run)
        with self._changed:
            self._work.append(work)
            try:
                while not self._changed.wait_for(
                    lambda: work.cancelled or not self._guest.alive() or self._may_start(), SERVICE_POLL_SECONDS
                ):
                    continue
                if work.cancelled:
                    return Ran(-1, "", "", cancelled=True)
                work.process = self._start(run)
            except (ProcessLookupError, FileNotFoundError):
                return Ran(-1, "", "", host_lost=True)
            finally:
                if work.process is None:
                    self._work.remove(work)
        try:
            return self._finish(work)
        finally:
            with self._changed:
                self._work.remove(work)
                self._changed.notify_all()

    def cancel(self, command_id: str) -> None:
        with self._changed:
            for work in self._work:
                if work.run.command_id == command_id:
                    work.cancelled = True
                    _kill_group(work.process)
            self._changed.notify_all()

    def pause(self) -> None:
        """The fault 'agent stopped': not online, takes nothing new; what runs goes on."""
        with self._changed:
            self._paused = True

    def resume(self) -> None:
        """End `pause`."""
        with self._changed:
            self._paused = False
            self._changed.notify_all()

    def host_died(self) -> None:
        """Wake those who wait for a host that will not come back."""
        with self._changed:
            self._changed.notify_all()

    def _may_start(self) -> bool:
        running = sum(1 for work in self._work if work.process is not None)
        return running < WORKERS and self.online

    def _start(self, run: Run) -> subprocess.Popen[bytes]:
        step = self._steps_of.get(run.command_id, 0)
        self._steps_of[run.command_id] = step + 1
        directory = (
            f"/var/lib/amazon/ssm/{self._machine.instance_id}/document/orchestration/{run.command_id}"
            f"/{step}.awsrunShellScript"
        )
        environment = {
            "AWS_SSM_INSTANCE_ID": self._machine.instance_id,
            "AWS_SSM_REGION_NAME": self._machine.region,
            **run.environment,
        }
        command = ["/bin/sh", "-c", _INSTALL_AND_RUN, "ssm-document-worker", directory]
        return self._guest.start(command, environment, stdin=subprocess.PIPE)

    def _finish(self, work: _Work) -> Ran:
        process = work.process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        deadline = time.monotonic() + work.run.timeout_seconds
        out, err = _Reader(process.stdout), _Reader(process.stderr)
        with contextlib.suppress(BrokenPipeError), process.stdin as script:
            script.write(work.run.script.encode() + b"\n")
        timed_out = not all(reader.ended_by(deadline) for reader in (out, err))
        if not timed_out:
            try:
                process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                timed_out = True
        if timed_out:
            _kill_group(process)
            for reader in (out, err):  # a process that left the group may hold the stream open for ever
                reader.ended_by(time.monotonic() + 1)
        status = process.wait()
        cancelled = work.cancelled
        lost = status < 0 and not cancelled and not timed_out and self._guest.wait_for_death(0.5)
        if timed_out or cancelled or lost:
            timed_out = timed_out and not cancelled
            return Ran(-1, out.text, err.text, timed_out=timed_out, host_lost=lost, cancelled=cancelled)
        # A script that a signal ended has no exit code; the agent reports -1 as well.
        return Ran(max(status, -1), out.text, err.text)


class _Reader:
    """Reads a stream to its end, keeps the first part and lets the rest go by."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._kept = bytearray()
        self._stream = stream
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def ended_by(self, deadline: float) -> bool:
        self._thread.join(max(0.0, deadline - time.monotonic()))
        return not self._thread.is_alive()

    @property
    def text(self) -> str:
        return bytes(self._kept).decode(errors="replace")

    def _read(self) -> None:
        with self._stream:
            while part := os.read(self._stream.fileno(), 65_536):
                self._kept += part[: KEPT_BYTES - len(self._kept)]


def _kill_group(process: subprocess.Popen[bytes] | None) -> None:
    if process is not None and process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
