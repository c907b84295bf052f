"""Many histories on all processors."""

import os
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from lab.histories.random_histories import Ended, live

CHUNK = 100
"""Histories that a process lives at a time: enough to be cheap, few enough to show progress."""

KEPT = 5
"""Failures that are told in full."""


@dataclass
class Lived:
    count: int = 0
    seconds: float = 0.0
    outcomes: Counter[str] = field(default_factory=Counter)
    kinds: Counter[str] = field(default_factory=Counter)
    failures: list[Ended] = field(default_factory=list)
    """The shortest first."""

    def add(self, other: "Lived") -> None:
        self.count += other.count
        self.outcomes += other.outcomes
        self.kinds += other.kinds
        self.failures = sorted(
            [*self.failures, *other.failures], key=lambda ended: (len(ended.history.events), ended.history.seed)
        )[:KEPT]

    @property
    def failed(self) -> int:
        return sum(number for outcome, number in self.outcomes.items() if outcome not in ("whole", "quorum lost"))

    def as_json(self) -> dict[str, Any]:
        return {
            "histories": self.count,
            "seconds": round(self.seconds, 1),
            "processes": os.cpu_count(),
            "outcomes": dict(self.outcomes.most_common()),
            "events": dict(self.kinds.most_common()),
            "failures": [
                {"seed": ended.history.seed, "rule": ended.outcome, "words": ended.words} for ended in self.failures
            ],
        }


def live_many(first: int, count: int) -> Lived:
    lived = Lived()
    for seed in range(first, first + count):
        ended = live(seed)
        lived.add(Lived(1, 0.0, Counter([ended.outcome]), ended.kinds, [ended] if ended.failed else []))
    return lived


def live_all(first: int, count: int, processes: int, progress: Callable[[int], None]) -> Lived:
    began = monotonic()
    lived = Lived()
    chunks = [(start, min(CHUNK, first + count - start)) for start in range(first, first + count, CHUNK)]
    for part in _in_processes(chunks, processes):
        lived.add(part)
        progress(part.count)
    lived.seconds = monotonic() - began
    return lived


def _in_processes(chunks: list[tuple[int, int]], processes: int) -> Iterator[Lived]:
    if processes == 1:
        yield from (live_many(*chunk) for chunk in chunks)
        return
    with ProcessPoolExecutor(processes) as pool:
        for future in as_completed([pool.submit(live_many, *chunk) for chunk in chunks]):
            yield future.result()
