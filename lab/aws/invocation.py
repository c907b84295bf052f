"""One run of a Lambda handler in this process: its environment, its context object, and how it can be killed."""

import os
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

_current: ContextVar["Invocation | None"] = ContextVar("lambda_invocation", default=None)


class InvocationKilled(BaseException):
    """Ends the handler the way the end of its process would: `except Exception` does not see it."""


@dataclass(eq=False)
class Invocation:
    """`calls_allowed` AWS calls may be made; the one after them kills the handler. `calls` were."""

    environment: Mapping[str, str]
    request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    calls_allowed: int | None = None
    calls: int = 0
    killed: bool = False

    def before_call(self) -> None:
        """Called before each AWS call that the handler makes."""
        if self.killed or self.calls == self.calls_allowed:
            self.killed = True
            raise InvocationKilled(self.request_id)
        self.calls += 1

    @contextmanager
    def active(self) -> Iterator[None]:
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)


def current_invocation() -> Invocation | None:
    return _current.get()


class InvocationEnvironment(os._Environ):  # type: ignore[type-arg]
    """`os.environ` whose readers see the variables of the invocation that they run in.

    The class of the existing object is exchanged, so that `from os import environ` made earlier sees it too. Only code
    that copies a variable at import time keeps the first function's value.
    """

    def _overlay(self) -> Mapping[str, str]:
        invocation = _current.get()
        return invocation.environment if invocation else {}

    def __getitem__(self, key: str) -> str:
        overlay = self._overlay()
        return overlay[key] if key in overlay else super().__getitem__(key)

    def __iter__(self) -> Iterator[str]:
        overlay = self._overlay()
        yield from overlay
        yield from (key for key in super().__iter__() if key not in overlay)

    def __len__(self) -> int:
        return sum(1 for _ in self)


class LambdaContext:
    """The second argument of a handler."""

    function_version = "$LATEST"
    log_stream_name = "lab"
    identity = None
    client_context = None

    def __init__(self, function: Any, request_id: str, timeout_seconds: float) -> None:
        self.function_name = function.function_name
        self.memory_limit_in_mb = str(function.memory_size)
        self.invoked_function_arn = function.function_arn
        self.aws_request_id = request_id
        self.log_group_name = f"/aws/lambda/{function.function_name}"
        self._ends_at = time.monotonic() + timeout_seconds

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self._ends_at - time.monotonic()) * 1000))
