"""Turns for Lambda handlers, which here share one processor, and the time that the wait for one takes from AWS.

On AWS as many handlers run at once as are invoked. Here the next one waits, and that wait must not be counted where
AWS counts time: a storm of launches would run into the time limits of its tasks, none of which had yet begun.
"""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

CONCURRENT_HANDLERS = 64
"""Handlers' own timeouts run while they share the processor: too many at once would all time out."""

MANY = 10_000
"""More than threads that could ever wait; a release costs as much as so many notifications."""


class Turns:
    def __init__(self) -> None:
        self._places = threading.Semaphore(CONCURRENT_HANDLERS)
        self._lock = threading.Lock()
        self._waiting = 0
        self._since = 0.0
        self._lost = 0.0

    @contextmanager
    def taken(self) -> Iterator[None]:
        if not self._places.acquire(blocking=False):
            with self._queued():
                self._places.acquire()
        try:
            yield
        finally:
            self._places.release()

    def end(self) -> None:
        """Whoever waits, now or later, waits no more."""
        self._places.release(MANY)

    def lost_seconds(self) -> float:
        """Time so far in which some handler waited for its turn."""
        with self._lock:
            return self._lost + (time.monotonic() - self._since if self._waiting else 0.0)

    @contextmanager
    def _queued(self) -> Iterator[None]:
        with self._lock:
            if self._waiting == 0:
                self._since = time.monotonic()
            self._waiting += 1
        try:
            yield
        finally:
            with self._lock:
                self._waiting -= 1
                if self._waiting == 0:
                    self._lost += time.monotonic() - self._since
