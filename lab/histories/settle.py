"""The end of a history: faults end, operators do what is theirs, and then everything that goes on by itself goes on."""

from collections.abc import Callable
from typing import Literal

from lab.histories import events, invariants, quorum
from lab.histories.events import Event
from lab.histories.world import NOBODY, Host, World

Outcome = Literal["whole", "quorum lost"]

MOST_ROUNDS = 400
"""In each, everything that can happen by itself happens once."""

SWEEP_EVERY = 4
PATIENCE = 60

Happen = Callable[[World, Event], World]


ILLS: dict[str, Callable[[Host], bool]] = {
    "rejoin": lambda host: not host.linked,
    "resume": lambda host: not host.agent,
    "unseal": lambda host: host.sealed,
    "put_right": lambda host: host.misled,
}


def heal(world: World) -> World:
    """Nothing is cut off, paused, sealed or misled any more; a dead machine is back, or EC2 says that it is gone.

    A change under way comes first: what is done here to the others is not done within its second.
    """
    for place, command in enumerate(world.commands):
        if command.checked:
            world = events.happen(world, ("change", place))
            break
    for number, host in enumerate(world.hosts):
        if host.strange:
            cures = ["kill"]
        else:
            cures = [cure for cure, ill in ILLS.items() if ill(host)]
            if not host.alive and host.presence != "gone":
                cures.append("reboot" if number % 2 == 0 else "kill")
        for cure in cures:
            world = events.happen(world, (cure, number))
    for product in world.blind:
        world = events.happen(world, ("see", product))
    return events.happen(world, ("set_desired", world.size))


def settle(world: World, happen: Happen = events.happen) -> Outcome:
    """Brings the cluster to rest, or says which invariant does not hold in the end.

    A product without quorum now lost it by faults alone (every step was watched): nothing may touch it, and since a
    server serves all of them here, its goodbyes wait for a human in every product.
    """
    world = heal(world)
    if any(raft.leader == NOBODY for raft in world.rafts):
        untouched(world, happen)
        return "quorum lost"
    why = ""
    for number in range(MOST_ROUNDS):
        why = invariants.whole(world)
        if not why:
            return "whole"
        world = one_round(world, number, happen)
    raise invariants.BrokenError("whole in the end", why)


def one_round(world: World, number: int, happen: Happen) -> World:
    before = world
    for event in list(events.natural(world)):
        world = happen(world, event)
    if number % SWEEP_EVERY == SWEEP_EVERY - 1:
        world = happen(world, ("sweep",))
    if number % PATIENCE >= PATIENCE - 2:
        for goodbye in world.goodbyes:
            world = happen(world, ("lose_patience", goodbye.subject))
    owners = {goodbye.owner for goodbye in world.goodbyes}
    if world.lease.owner is not None and (world.lease.owner not in owners or world == before):
        world = happen(world, ("expire",))
    return world


def untouched(world: World, happen: Happen) -> None:
    """A product without quorum stays as it is, however often the sweep comes."""
    lost = {raft.product: raft.peers for raft in world.rafts if raft.leader == NOBODY}
    for number in range(3 * SWEEP_EVERY):
        world = one_round(world, number, happen)
        for raft in world.rafts:
            if raft.product in lost and not quorum.has_quorum(world, raft):
                invariants.need(
                    raft.peers == lost[raft.product], "minority is left alone", f"{raft.product} was changed"
                )
