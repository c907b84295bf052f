"""How far the drain of a client is, and whether it is worth waiting for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lambdas.domain.goodbye import DRAIN_FAILURES, Goodbye, drain_pause_seconds


@dataclass(frozen=True)
class Verdict:
    drains: bool
    reason: str
    round: int
    failures: int = 0
    seconds_left: int = 0
    pause_seconds: int = 0


def assess(goodbye: Goodbye, drain_seconds: int, before: Mapping[str, Any], now: float) -> Verdict:
    """`before` has `round`, `failures`, and what was `asked` in that round: a list of one, with `answers` or `failure`.

    Whoever cannot be drained leaves all the same: its work moves once Nomad misses it.
    """
    this, left = int(before["round"]) + 1, int(goodbye.started_at + drain_seconds - now)
    if goodbye.node is None:
        return Verdict(False, "the host is gone: nothing is left to drain", this)
    if drain_seconds == 0:
        return Verdict(False, "its pool drains for 0 minutes: it leaves with what it runs", this)
    failures, seen = int(before["failures"]), "asked for the first time"
    for asked in before["asked"]:
        told = asked.get("answers") or [{}]
        result = told[0].get("result", {})
        if set(result) >= {"draining", "allocations"}:
            failures, seen = 0, f"{result['allocations']} allocations are left"
            if not result["draining"] and result["allocations"] == 0:
                return Verdict(False, "nothing is left on it", this)
        else:
            failures, seen = (
                failures + 1,
                f"no answer: {asked.get('failure', {}).get('Cause', 'not what was promised')}",
            )
    if failures >= DRAIN_FAILURES:
        return Verdict(False, f"{failures} rounds without an answer, it leaves undrained: {seen}", this)
    if left <= 0:
        return Verdict(False, f"its time to drain is over: {seen}", this)
    return Verdict(True, f"{seen}, {left} s to go", this, failures, left, drain_pause_seconds(this, drain_seconds))
