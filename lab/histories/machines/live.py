"""One history on one cluster, and what came of it."""

import time
from dataclasses import asdict, dataclass
from typing import Any

from lab.histories.machines import checks
from lab.histories.machines.cluster import Machines
from lab.histories.machines.deeds import Deed, History, tell

SWEEPS_WITHOUT_QUORUM = 2
"""In which what has no quorum has to stay untouched."""


@dataclass(frozen=True)
class Lived:
    seed: int
    size: int
    deeds: tuple[Deed, ...]
    why: str
    """What is broken; empty where nothing is."""
    lost: bool
    """Whether a product lost its quorum, by faults alone."""
    changes: int
    sweeps: int
    seconds: float
    cpu_seconds: float
    """Of the whole process that lived it: handlers, the embedded AWS, hosts."""

    @property
    def outcome(self) -> str:
        return "broken" if self.why else "quorum lost" if self.lost else "whole"

    @property
    def reusable(self) -> bool:
        return self.outcome == "whole"

    def as_json(self) -> dict[str, Any]:
        return asdict(self) | {"outcome": self.outcome, "deeds": [tell(deed) for deed in self.deeds]}


def live(machines: Machines, history: History) -> Lived:
    """The cluster has to be whole; it is so again afterwards if what comes back is reusable."""
    began, cpu_began = time.monotonic(), time.process_time()
    aws, world = machines.lab.aws, machines.hosts.world
    events, made, removals = len(aws.events), len(world.changes), machines.removals()
    number = max((change.fencing for change in world.changes), default=0)
    for deed in history.deeds:
        machines.befall(deed)
    machines.end_faults()
    lost = bool(machines.without_quorum())
    why, sweeps = _untouched(machines) if lost else machines.come_to_rest(lambda: checks.missing(machines))
    if lost and history.merciful:
        why = f"quorum of {', '.join(machines.without_quorum())} is lost, though too few servers failed for that"
    ours = world.changes[made:]
    wrong = [
        *checks.changes(ours, number, checks.dismissed(aws.events[events:])),
        *checks.by_others(machines.removals() - removals, ours),
        *checks.formed_again(machines),
        *([why] if why else []),
        *(f"the embedded AWS itself: {error!r}" for error in aws.errors),
    ]
    return Lived(
        history.seed,
        history.size,
        history.deeds,
        "; ".join(wrong),
        lost,
        len(ours),
        sweeps,
        round(time.monotonic() - began, 1),
        round(time.process_time() - cpu_began, 2),
    )


def _untouched(machines: Machines) -> tuple[str, int]:
    """What has lost its quorum stays as it is, for a human."""
    lost, made = machines.without_quorum(), len(machines.hosts.world.changes)
    for _ in range(SWEEPS_WITHOUT_QUORUM):
        machines.wait_whole(lambda: "its quorum")
        machines.let_lease_end()
        machines.lab.sweep()
    machines.wait_whole(lambda: "its quorum")
    touched = [change for change in machines.hosts.world.changes[made:] if change.product in lost]
    return (f"touched without quorum: {touched}" if touched else ""), SWEEPS_WITHOUT_QUORUM
