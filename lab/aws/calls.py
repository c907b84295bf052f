"""Who calls which AWS API how often: the figures behind "calls per node" in the bench."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

OPERATOR = "operator"

_caller: ContextVar[str] = ContextVar("aws_caller", default=OPERATOR)


@contextmanager
def calling_as(caller: str) -> Iterator[None]:
    """Attribute API calls made meanwhile: `lambda:<name>`, `states:<machine>`, `host:<address>`, `aws:<service>`."""
    token = _caller.set(caller)
    try:
        yield
    finally:
        _caller.reset(token)


class CallCounter:
    """Counts calls by caller and by `service:Operation`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter()

    def record(self, service: str, operation: str) -> None:
        with self._lock:
            self._counts[_caller.get(), f"{service}:{operation}"] += 1

    def by_caller(self) -> dict[str, Counter[str]]:
        """`{caller: {"service:Operation": count}}`, as a copy."""
        result: dict[str, Counter[str]] = {}
        with self._lock:
            for (caller, operation), count in self._counts.items():
                result.setdefault(caller, Counter())[operation] += count
        return result

    def total(self) -> int:
        with self._lock:
            return self._counts.total()

    def reset(self) -> None:
        with self._lock:
            self._counts.clear()
