"""Which subnet a new instance goes to, and which instances a smaller group gives up: pure decisions."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Member:
    """An instance of a group, as far as scaling looks at it."""

    instance_id: str
    zone: str
    subnet_id: str
    launched_at: float
    protected: bool = False


def next_subnet(subnets: Sequence[str], members: Sequence[Member]) -> str:
    """The subnet with the fewest members, the first of them in the group's own order."""
    load = Counter(member.subnet_id for member in members)
    return min(subnets, key=lambda subnet: load[subnet])


def to_terminate(members: Sequence[Member], count: int, *, newest_first: bool = False) -> list[Member]:
    """Whom to scale in: always from the fullest zone, the oldest there; members protected from scale-in stay.

    AWS's default policy looks at launch templates and billing hours between zone and age; the lab has neither.
    """
    remaining = list(members)
    chosen: list[Member] = []
    for _ in range(count):
        candidates = [member for member in remaining if not member.protected]
        if not candidates:
            break
        load = Counter(member.zone for member in remaining)
        fullest = max(load[member.zone] for member in candidates)
        in_fullest = [member for member in candidates if load[member.zone] == fullest]
        pick = max if newest_first else min
        victim = pick(in_fullest, key=lambda member: member.launched_at)
        remaining.remove(victim)
        chosen.append(victim)
    return chosen
