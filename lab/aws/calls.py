"""Who calls which AWS API how often: the figures behind "calls per node" in the bench."""

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

OPERATOR = "operator"


@dataclass(frozen=True)
class Caller:
    """`source_arn` is the resource that a service acts for, `role_arn` the role that it takes to do so."""

    name: str
    source_arn: str = ""
    role_arn: str = ""


_OPERATOR = Caller(OPERATOR)
_caller: ContextVar[Caller] = ContextVar("aws_caller", default=_OPERATOR)


@contextmanager
def calling_as(caller: str, *, source_arn: str = "", role_arn: str = "") -> Iterator[None]:
    """Attribute API calls made meanwhile: `lambda:<name>`, `states:<machine>`, `host:<instance or address>`,
    `aws:<service>`. What they may do follows from it."""
    token = _caller.set(Caller(caller, source_arn, role_arn))
    try:
        yield
    finally:
        _caller.reset(token)


def current_caller() -> Caller:
    return _caller.get()


class CallCounter:
    """Counts calls by caller and by `service:Operation`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter()

    def record(self, service: str, operation: str) -> None:
        with self._lock:
            self._counts[_caller.get().name, f"{service}:{operation}"] += 1

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
