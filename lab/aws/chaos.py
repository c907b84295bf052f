"""Faults on demand: events that come twice, late or never; Lambdas that die halfway; APIs that throttle.

Every knob is a rule with a number of times it applies, so a test can say "the next PutItem" as well as "always".
"""

import math
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Event = Mapping[str, Any]
Matches = Callable[[Event], bool]

Moment = Literal["before", "after"]


def any_event(event: Event) -> bool:
    return True


@dataclass
class EventFault:
    matches: Matches
    delays_seconds: tuple[float, ...]
    times: float

    @property
    def drops(self) -> bool:
        return not self.delays_seconds


@dataclass
class LambdaFault:
    """`calls_allowed` is how many AWS calls the handler gets to make before it is killed; None: it is not killed."""

    function: str
    error: str
    when: Moment
    calls_allowed: int | None
    times: float
    matches: Matches


@dataclass
class Throttle:
    service: str
    operation: str
    times: float


@dataclass
class Chaos:
    """The faults to inject. Safe to change while the lab runs."""

    _events: list[EventFault] = field(default_factory=list)
    _lambdas: list[LambdaFault] = field(default_factory=list)
    _throttles: list[Throttle] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def duplicate_events(
        self, matches: Matches = any_event, *, gap_seconds: float = 0.0, times: float = math.inf
    ) -> None:
        """Deliver matching events twice."""
        self._add(self._events, EventFault(matches, (0.0, gap_seconds), times))

    def drop_events(self, matches: Matches = any_event, *, times: float = math.inf) -> None:
        """Never deliver matching events: AWS calls delivery of service events "best effort"."""
        self._add(self._events, EventFault(matches, (), times))

    def delay_events(self, seconds: float, matches: Matches = any_event, *, times: float = math.inf) -> None:
        """Deliver matching events late, and so out of order."""
        self._add(self._events, EventFault(matches, (seconds,), times))

    def fail_lambda(
        self,
        function: str,
        error: str = "Lambda.ServiceException",
        *,
        when: Moment = "before",
        times: float = 1,
        matches: Matches = any_event,
    ) -> None:
        """Fail invocations whose function name contains `function` and whose event `matches`.

        `when="after"` fails them although the handler has done its work: the answer is lost. An error of the form
        `Lambda.X` is the Invoke API's own; any other name is reported as the function's error.
        """
        self._add(self._lambdas, LambdaFault(function, error, when, None, times, matches))

    def kill_lambda(self, function: str, *, after_calls: int, times: float = 1, matches: Matches = any_event) -> None:
        """End the handler's process after so many AWS calls; not even its `except` clauses run."""
        self._add(self._lambdas, LambdaFault(function, "Runtime.ExitError", "before", after_calls, times, matches))

    def throttle(self, service: str, operation: str, *, times: float = 1) -> None:
        """Refuse an API with its throttling error; names are boto3's ("ssm", "SendCommand")."""
        self._add(self._throttles, Throttle(service, operation, times))

    def clear(self) -> None:
        with self._lock:
            self._events.clear()
            self._lambdas.clear()
            self._throttles.clear()

    # What the services ask.

    def event_delays(self, event: Event) -> tuple[float, ...]:
        """When to deliver the event: `(0.0,)` undisturbed, `()` never."""
        fault = self._take(self._events, lambda candidate: candidate.matches(event))
        return fault.delays_seconds if fault else (0.0,)

    def lambda_fault(self, function: str, event: Event) -> LambdaFault | None:
        return self._take(self._lambdas, lambda fault: fault.function in function and fault.matches(event))

    def throttles(self, service: str, operation: str) -> bool:
        if not self._throttles:
            return False
        return (
            self._take(self._throttles, lambda rule: (rule.service, rule.operation) == (service, operation)) is not None
        )

    def _add(self, rules: list[Any], rule: Any) -> None:
        with self._lock:
            rules.append(rule)

    def _take(self, rules: list[Any], applies: Callable[[Any], bool]) -> Any:
        with self._lock:
            for rule in rules:
                if rule.times > 0 and applies(rule):
                    rule.times -= 1
                    return rule
        return None
