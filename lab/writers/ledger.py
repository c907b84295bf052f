"""What one writer did: each write with its times and what became of it, and what that says of the time between."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any


@dataclass(frozen=True, slots=True)
class Write:
    """Times are seconds since the epoch, by a clock that nobody sets."""

    number: int
    started_at: float
    ended_at: float
    acknowledged: bool
    """Not acknowledged is not the same as not written: an answer that got lost leaves it open."""
    refusals: tuple[str, ...] = ()
    """What each server said that did not take it, in the order in which they were asked."""


@dataclass(frozen=True, slots=True)
class Gap:
    """Time in which nothing was acknowledged."""

    seconds: float
    began_at: float


class Ledger:
    """The writes of one product, in order, from `began_at` until it is closed."""

    def __init__(self, began_at: float) -> None:
        self.began_at = began_at
        self.ended_at: float | None = None
        self.writes: list[Write] = []

    def add(self, write: Write) -> None:
        self.writes.append(write)

    def close(self, at: float) -> None:
        self.ended_at = at

    @property
    def acknowledged(self) -> list[Write]:
        return [write for write in self.writes if write.acknowledged]

    @property
    def failed(self) -> list[Write]:
        return [write for write in self.writes if not write.acknowledged]

    @property
    def refused(self) -> int:
        """How often a server did not take a write, whether or not another one did."""
        return sum(len(write.refusals) for write in self.writes)

    @property
    def longest_gap(self) -> Gap:
        """Between one acknowledgement and the next, with the times before the first and after the last."""
        moments = [self.began_at, *(write.ended_at for write in self.acknowledged)]
        if self.ended_at is not None:
            moments.append(self.ended_at)
        gaps = [Gap(after - before, before) for before, after in pairwise(moments)]
        return max(gaps, key=lambda gap: gap.seconds, default=Gap(0.0, self.began_at))

    def missing(self, readable: Iterable[int]) -> list[int]:
        """Acknowledged writes that cannot be read."""
        there = set(readable)
        return [write.number for write in self.acknowledged if write.number not in there]

    def as_json(self) -> dict[str, Any]:
        gap, failed = self.longest_gap, self.failed
        return {
            "writes": len(self.writes),
            "failed": len(failed),
            "refused": self.refused,
            "longest_gap_seconds": round(gap.seconds, 2),
            "longest_gap_after_seconds": round(gap.began_at - self.began_at, 2),
            "last_refusals": list(failed[-1].refusals) if failed else [],
        }
