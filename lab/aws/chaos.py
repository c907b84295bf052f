"""Faults on demand: events that come twice, late, out of order or never; Lambdas that die halfway; APIs that throttle
or fail.

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


def of_type(words: str) -> Matches:
    """Events whose detail-type contains these words, in any case: "terminate lifecycle", "command"."""

    def matches(event: Event) -> bool:
        return words.lower() in str(event.get("detail-type", "")).lower()

    return matches


@dataclass
class EventFault:
    matches: Matches
    delays_seconds: tuple[float, ...]
    times: float
    every_other: bool = False
    """The first of two is disturbed and the second is not."""
    seen: int = 0

    @property
    def drops(self) -> bool:
        return not self.delays_seconds

    def next_delays(self) -> tuple[float, ...]:
        self.seen += 1
        return (0.0,) if self.every_other and self.seen % 2 == 0 else self.delays_seconds


@dataclass
class LambdaFault:
    """`calls_allowed` is how many AWS calls the handler gets to make before it is killed; None: it is not killed."""

    function: str
    error: str
    when: Moment
    calls_allowed: int | None
    times: float
    matches: Matches
    walk: "DeathWalk | None" = None


@dataclass
class DeathWalk:
    """Kills invocations, each one AWS call later than the one before: from before the first to after the last.

    So many in a row at most, then one is left alone: a task's retries are meant to get through in the end. One that has
    fewer calls to make than the walk has come to lives, and the walk waits there for one that has more.
    """

    function: str
    in_a_row: int
    times: float = math.inf
    matches: Matches = any_event
    _calls: int = 0
    _row: int = 0

    def next_fault(self) -> LambdaFault | None:
        if self._row == self.in_a_row:
            self._row = 0
            return None
        fault = LambdaFault(self.function, "Runtime.ExitError", "before", self._calls, 1, self.matches, self)
        self._row += 1
        self._calls += 1
        return fault

    def lived(self, calls_allowed: int) -> None:
        self._calls, self._row = min(self._calls, calls_allowed), 0


@dataclass
class ApiFault:
    """`code` is the service's error; None: its way to say that it was called too often."""

    service: str
    operation: str
    times: float
    code: str | None = None
    when: Moment = "before"


@dataclass
class Chaos:
    """The faults to inject. Safe to change while the lab runs."""

    _events: list[EventFault] = field(default_factory=list)
    _lambdas: list[LambdaFault | DeathWalk] = field(default_factory=list)
    _apis: list[ApiFault] = field(default_factory=list)
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

    def reorder_events(
        self, matches: Matches = any_event, *, behind_seconds: float = 5.0, times: float = math.inf
    ) -> None:
        """Hold every other matching event back, so that those after it overtake it."""
        self._add(self._events, EventFault(matches, (behind_seconds,), times, every_other=True))

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

    def kill_lambda_between_calls(self, function: str, *, in_a_row: int = 5) -> None:
        """End one invocation before its first AWS call, the next after it, and so on until all moments have been."""
        self._add(self._lambdas, DeathWalk(function, in_a_row))

    def throttle(self, service: str, operation: str, *, times: float = 1) -> None:
        """Refuse an API with its throttling error; names are boto3's ("ssm", "SendCommand")."""
        self._add(self._apis, ApiFault(service, operation, times))

    def fail_api(self, service: str, operation: str, code: str, *, when: Moment = "before", times: float = 1) -> None:
        """Answer an API with that error. `when="after"`: although the call was made, so that its answer is lost."""
        self._add(self._apis, ApiFault(service, operation, times, code, when))

    def clear(self) -> None:
        with self._lock:
            self._events.clear()
            self._lambdas.clear()
            self._apis.clear()

    def described(self) -> list[str]:
        """The rules that still apply, in words."""
        with self._lock:
            events = [f"events: {_times(rule)}{_disturbance(rule)}" for rule in self._events if rule.times > 0]
            functions = [
                f"function {rule.function}: {_times(rule)}{_end(rule)}" for rule in self._lambdas if rule.times > 0
            ]
            apis = [
                f"{rule.service} {rule.operation}: {_times(rule)}{rule.code or 'throttled'}"
                for rule in self._apis
                if rule.times > 0
            ]
        return [*events, *functions, *apis]

    # What the services ask.

    def event_delays(self, event: Event) -> tuple[float, ...]:
        """When to deliver the event: `(0.0,)` undisturbed, `()` never."""
        fault = self._take(self._events, lambda candidate: candidate.matches(event))
        return fault.next_delays() if fault else (0.0,)

    def lambda_fault(self, function: str, event: Event) -> LambdaFault | None:
        rule = self._take(self._lambdas, lambda rule: rule.function in function and rule.matches(event))
        return rule.next_fault() if isinstance(rule, DeathWalk) else rule  # type: ignore[no-any-return]

    def api_fault(self, service: str, operation: str) -> ApiFault | None:
        if not self._apis:
            return None
        return self._take(self._apis, lambda rule: (rule.service, rule.operation) == (service, operation))  # type: ignore[no-any-return]

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


def _times(rule: Any) -> str:
    return "" if rule.times == math.inf else f"{rule.times:g} more, "


def _end(rule: LambdaFault | DeathWalk) -> str:
    if isinstance(rule, DeathWalk):
        return "killed between each two calls"
    if rule.calls_allowed is None:
        return f"{rule.error} {rule.when} its work"
    return f"killed after {rule.calls_allowed} calls"


def _disturbance(rule: EventFault) -> str:
    if rule.drops:
        return "dropped"
    if rule.every_other:
        return f"every other one {rule.delays_seconds[0]:g} s late"
    if len(rule.delays_seconds) > 1:
        return "delivered twice"
    return f"{rule.delays_seconds[0]:g} s late"
