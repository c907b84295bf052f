"""Who runs the launch or the goodbye of a subject: an event that comes twice, and a sweep that comes as well, make one.

Claims are by subject, not by lifecycle action: the sweep knows no token of an action whose event was lost.
"""

import time
from dataclasses import dataclass
from typing import Literal

from lambdas.aws import executions, table

KEEP_DAYS = 4
"""A lifecycle action lives 48 hours at the most (Auto Scaling: global timeout)."""

Of = Literal["launch", "goodbye", "renewal"]
Taken = Literal["first", "again", "over"]
"""How: nobody had it, the same execution had it, or one had it that runs no more."""


@dataclass(frozen=True)
class Claim:
    subject: str
    execution: str
    taken_at: float


def take(name: str, of: Of, subject: str, execution: str) -> Taken | None:
    """None where another execution has it and runs."""
    if _write(name, of, subject, execution, "attribute_not_exists(pk)"):
        return "first"
    before = find(name, of, subject)
    if before is None:
        return None  # given back this moment: whoever comes next finds it free
    if before.execution == execution:
        return "again"
    if executions.is_running(before.execution):
        return None
    over = _write(name, of, subject, execution, "#execution = :before", {"before": before.execution})
    return "over" if over else None


def find(name: str, of: Of, subject: str) -> Claim | None:
    item = table.get(name, of, subject)
    return None if item is None else _claim(item)


def every(name: str, of: Of) -> list[Claim]:
    return [_claim(item) for item in table.query(name, of)]


def _write(name: str, of: Of, subject: str, execution: str, condition: str, values: table.Item | None = None) -> bool:
    item = {"execution": execution, "taken_at": time.time(), "expires_at": table.expiry(KEEP_DAYS)}
    return table.put(name, of, subject, item, condition=condition, values=values)


def _claim(item: table.Item) -> Claim:
    return Claim(item["sk"], item["execution"], float(item["taken_at"]))
