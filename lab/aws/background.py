"""What AWS does behind an API call: work on other threads, timers, and the wait until nothing is under way."""

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

log = logging.getLogger(__name__)

# One thread per command or boot under way: hosts block in them. Threads are only made when they are needed.
MAX_THREADS = 1024


class Timer:
    """A call that will be made unless it is cancelled first."""

    def __init__(self, due: float, action: Callable[[], None]) -> None:
        self.due = due
        self.action = action
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class Background:
    """A pool of threads, one timer thread, and a count of what is under way."""

    def __init__(self) -> None:
        self.errors: list[BaseException] = []
        self._pool = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="aws")
        self._lock = threading.Lock()
        self._due_sooner = threading.Condition(self._lock)
        self._drained = threading.Condition(self._lock)
        self._under_way = 0
        self._timers: list[tuple[float, int, Timer]] = []
        self._order = itertools.count()
        self._closed = False
        self._clock_thread = threading.Thread(target=self._run_timers, name="aws-timers", daemon=True)
        self._clock_thread.start()

    def go(self, action: Callable[..., Any], *arguments: Any) -> None:
        """Run soon on another thread. After `stop` this does nothing: no work outlives the lab."""
        if self._closed:
            return
        self.begin()

        def run() -> None:
            try:
                action(*arguments)
            except BaseException as error:
                if not self._closed:
                    self.errors.append(error)
                    log.exception("background work failed")
            finally:
                self.end()

        self._pool.submit(run)

    def go_later(self, delay_seconds: float, action: Callable[..., Any], *arguments: Any) -> None:
        """Run after a delay that `drain` waits for, such as a retry."""
        self.begin()

        def act() -> None:
            try:
                action(*arguments)
            finally:
                self.end()

        self.timer(delay_seconds, act)

    def timer(self, delay_seconds: float, action: Callable[[], None]) -> Timer:
        """Run after a delay unless cancelled; `drain` does not wait for it, as with a heartbeat timeout."""
        timer = Timer(0.0, action)
        self.again(timer, delay_seconds)
        return timer

    def again(self, timer: Timer, delay_seconds: float) -> None:
        """A timer that has fired fires once more."""
        with self._lock:
            timer.due = time.monotonic() + delay_seconds
            heapq.heappush(self._timers, (timer.due, next(self._order), timer))
            if self._timers[0][2] is timer:
                self._due_sooner.notify()

    def begin(self) -> None:
        with self._lock:
            self._under_way += 1

    def end(self) -> None:
        with self._lock:
            self._under_way -= 1
            if self._under_way == 0:
                self._drained.notify_all()

    @contextmanager
    def counted(self) -> Iterator[None]:
        self.begin()
        try:
            yield
        finally:
            self.end()

    def drain(self, timeout_seconds: float) -> bool:
        """Wait until nothing is under way; False when the time ran out first."""
        with self._lock:
            return self._drained.wait_for(lambda: self._under_way == 0, timeout_seconds)

    def stop(self) -> None:
        """Start no more work and fire no more timers; errors of what still ends are no longer news."""
        with self._lock:
            self._closed = True
            self._due_sooner.notify()
        self._clock_thread.join()

    def close(self) -> None:
        """Stop, and wait for the threads to end."""
        self.stop()
        self._pool.shutdown(wait=True)

    def _run_timers(self) -> None:
        while True:
            with self._lock:
                if self._closed:
                    return
                if not self._timers:
                    self._due_sooner.wait()
                    continue
                due, _, timer = self._timers[0]
                remaining = due - time.monotonic()
                if remaining > 0:
                    self._due_sooner.wait(remaining)
                    continue
                heapq.heappop(self._timers)
            if not timer.cancelled:
                self.go(timer.action)
