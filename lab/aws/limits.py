"""The clock of time limits: it stands still for what is this machine's business and not AWS's.

A limit says that nobody answers. Here the handlers of a whole account share a processor, and that with others: a second
may pass before anybody had the chance to answer. On AWS nobody waits for that, so it must not count.
"""

import threading
import time
from collections.abc import Callable
from pathlib import Path

from lab.aws.background import Background, Timer
from lab.aws.turns import Turns

WINDOW_SECONDS = 0.1
IDLE_SHARE = 0.05
"""Of a window: a process that used more of it has something to do. What polls while it waits uses 1 %."""

TASKS = Path("/proc/self/task")
"""Linux tells the states of threads; elsewhere there are none, and a crowded machine is told by late waking alone."""


class IdleTime:
    """Seconds in which this process had nothing to do."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._stopping = threading.Event()
        self._watch = threading.Thread(target=self._run, name="aws-idle-time", daemon=True)
        self._watch.start()

    def seconds(self) -> float:
        return self._seconds

    def stop(self) -> None:
        self._stopping.set()
        self._watch.join()

    def _run(self) -> None:
        before, used_before = time.monotonic(), time.process_time()
        while not self._stopping.wait(WINDOW_SECONDS):
            now, used = time.monotonic(), time.process_time()
            worked = used - used_before >= IDLE_SHARE * (now - before)
            # Whoever wakes late was kept waiting for the processor, and so was all else here.
            if not worked and now - before < 2 * WINDOW_SECONDS and not _somebody_waits_to_run():
                self._seconds += now - before
            before, used_before = now, used


def _somebody_waits_to_run() -> bool:
    """Whether another thread has work and no processor: on a crowded machine that looks like idleness."""
    own = str(threading.get_native_id())
    return any(_state(task) == "R" for task in TASKS.glob("*/stat") if task.parent.name != own)


def _state(stat: Path) -> str:
    try:
        return stat.read_text().rpartition(")")[2].split()[0]
    except OSError:  # it has ended
        return ""


class Limits:
    """`now` is in seconds, for differences only. Without `idle`, time counts unless a handler waits for its turn."""

    def __init__(self, turns: Turns, background: Background, idle: IdleTime | None = None) -> None:
        self._turns = turns
        self._background = background
        self._idle = idle

    def now(self) -> float:
        return self._idle.seconds() if self._idle else time.monotonic() - self._turns.lost_seconds()

    def timer(self, seconds: float, action: Callable[[], None]) -> Timer:
        """`Background.timer`, by this clock."""
        ends_at = self.now() + seconds

        def due() -> None:
            left = ends_at - self.now()
            if left > 0:
                self._background.again(timer, left)
            else:
                action()

        timer = self._background.timer(seconds, due)
        return timer

    def join(self, thread: threading.Thread, seconds: float) -> None:
        """Wait for a thread's end, for so long."""
        ends_at = self.now() + seconds
        while thread.is_alive() and (left := ends_at - self.now()) > 0:
            thread.join(left)


class LimitedEvent(threading.Event):
    """An event that is waited for by this clock."""

    def __init__(self, limits: Limits) -> None:
        super().__init__()
        self._limits = limits

    def wait(self, timeout: float | None = None) -> bool:
        if timeout is None:
            return super().wait()
        ends_at = self._limits.now() + timeout
        left = timeout
        while not super().wait(left):
            left = ends_at - self._limits.now()
            if left <= 0:
                return self.is_set()
        return True
