"""One lock around every API call.

moto keeps its state in plain dictionaries: sixteen threads of DynamoDB `ADD` lose updates, and a listing fails with
"dictionary changed size". The lock is let go while a Lambda handler runs inside an Invoke call.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType


class BigLock:
    """A re-entrant lock that its holder can let go entirely for a while."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._held = threading.local()

    def __enter__(self) -> None:
        self._lock.acquire()
        self._held.depth = self._depth + 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._held.depth = self._depth - 1
        self._lock.release()

    @property
    def _depth(self) -> int:
        return getattr(self._held, "depth", 0)

    @contextmanager
    def released(self) -> Iterator[None]:
        """Let go however often this thread holds it; take it as often again afterwards."""
        depth = self._depth
        self._held.depth = 0
        for _ in range(depth):
            self._lock.release()
        try:
            yield
        finally:
            for _ in range(depth):
                self._lock.acquire()
            self._held.depth = depth
