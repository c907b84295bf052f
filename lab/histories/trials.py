"""A mutant on trial: do random histories find it, and in how many; does the exhaustive search?"""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass

from lab.histories import exhaust, mutants
from lab.histories.random_histories import live

PATIENCE = 20
"""Times as many histories as were asked for, before a mutant that none of them found counts as missed."""


@dataclass
class Trial:
    name: str
    histories: int = 0
    failed: int = 0
    first: int | None = None
    rule: str = ""
    small: str = ""
    """Why the small world cannot show it."""
    states: int = 0
    found: str = ""
    """The rule by which the exhaustive search found it."""

    @property
    def caught(self) -> bool:
        return bool(self.failed) and bool(self.found or self.small)

    def row(self) -> tuple[str, ...]:
        small = f"cannot: {self.small}" if self.small and not self.found else self.found or "MISSED"
        first = "" if self.first is None else str(self.first)
        return self.name, f"{self.failed} of {self.histories:,}", first, self.rule, small, f"{self.states:,}"

    def as_json(self) -> dict[str, object]:
        return vars(self) | {"caught": self.caught}


def try_one(name: str, count: int, seconds: float) -> Trial:
    mutant = mutants.BY_NAME[name]
    trial = Trial(name, small=mutant.small)
    rules: Counter[str] = Counter()
    with mutants.made(name):
        while trial.histories < count or (not trial.failed and trial.histories < count * PATIENCE):
            ended = live(trial.histories, mutant.leaning)
            if ended.failed:
                rules[ended.outcome] += 1
                trial.failed += 1
                trial.first = trial.histories if trial.first is None else trial.first
            trial.histories += 1
        trial.rule = rules.most_common(1)[0][0] if rules else ""
        if not mutant.small:
            search_for(trial, mutant, seconds)
    return trial


BUDGETS = (
    (0.3, exhaust.Budget(pool=0)),
    (0.2, exhaust.Budget(deaths=0, expiries=0, fates=0, pool=1)),
    (0.5, exhaust.Budget(pool=1)),
)
"""Parts of the small world, then all of it: what shows early is found early. Each with its share of the time."""


def search_for(trial: Trial, mutant: mutants.Mutant, seconds: float) -> None:
    for share, budget in BUDGETS:
        found = exhaust.search(mutant.products, size=mutant.size, budget=budget, most_seconds=seconds * share)
        trial.states += found.states
        trial.found = found.rule
        if found.rule:
            return


def try_all(
    names: list[str], count: int, seconds: float, processes: int, progress: Callable[[], None]
) -> Iterator[Trial]:
    with ProcessPoolExecutor(processes) as pool:
        for future in as_completed([pool.submit(try_one, name, count, seconds) for name in names]):
            progress()
            yield future.result()
