"""Every interleaving of a small world: breadth first, each state once, as a model checker does it.

3 voters; at most one termination, one death, one expiry of the lease, one terminate event that comes twice or never,
and `pool` more misfortunes of any kind. From every state it is asked as well what comes of it if all faults end there.

Three events wait for nobody, since what is done later comes to the same: Auto Scaling launches at once (who joins late
has launched late), a terminate event arrives at once unless it is lost or comes again (its execution may still begin
late), and an execution hears at once that its command ended.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from time import process_time
from typing import NamedTuple

from lab.histories import events, execution, invariants, scaling, settle
from lab.histories.canonical import canonical
from lab.histories.events import Event
from lab.histories.invariants import BrokenError
from lab.histories.random_histories import History
from lab.histories.world import NOBODY, World, formed, name
from lambdas.domain.config import Product

SIZE = 3


class Budget(NamedTuple):
    """What may still befall the world."""

    terminations: int = 1
    deaths: int = 1
    expiries: int = 1
    fates: int = 1
    """Terminate events that come twice, or never."""
    pool: int = 1


ALONE = Budget(pool=0)
"""Without more misfortunes than the small world always has."""


class Node(NamedTuple):
    world: World
    budget: Budget
    number: int
    """Its hash: what is kept of it once it was expanded."""


@dataclass
class Found:
    products: tuple[Product, ...]
    size: int = SIZE
    states: int = 0
    steps: int = 0
    depth: int = 0
    complete: bool = False
    settled: int = 0
    """States from which the way to rest was followed."""
    seconds: float = 0.0
    """Of the processor: how far a search comes is no matter of who else is busy."""
    rule: str = ""
    words: str = ""
    history: History | None = None

    def as_json(self) -> dict[str, object]:
        return {
            "products": list(self.products),
            "voters": self.size,
            "states": self.states,
            "steps": self.steps,
            "depth": self.depth,
            "complete": self.complete,
            "settled": self.settled,
            "seconds": round(self.seconds, 1),
            "rule": self.rule,
            "words": self.words,
        }


def misfortunes(world: World, budget: Budget) -> Iterator[tuple[Event, Budget]]:
    """What may befall it next, and what is left of the budget then."""
    living = [number for number, host in enumerate(world.hosts) if host.presence != "gone"]
    if budget.terminations:
        less = budget._replace(terminations=0)
        yield from ((("terminate", number), less) for number in living if world.hosts[number].presence == "in_service")
    if budget.deaths:
        less = budget._replace(deaths=budget.deaths - 1)
        yield from ((("kill", number), less) for number in living)
    if budget.expiries and world.lease.owner is not None:
        yield ("expire",), budget._replace(expiries=0)
    if budget.pool:
        less = budget._replace(pool=budget.pool - 1)
        yield from ((event, less) for event in pool(world, living))


def pool(world: World, living: list[int]) -> Iterator[Event]:
    for goodbye in world.goodbyes:
        yield ("die", goodbye.subject)
        if goodbye.at == "turn":
            yield ("turn_half_done", goodbye.subject)
            yield ("lose_patience", goodbye.subject)
    for place, command in enumerate(world.commands):
        yield ("twice", place)
        yield ("stop_change", place) if command.checked else ("lose_command", place)
    for raft in world.rafts:
        yield ("blind", raft.product)
        if raft.product == "vault":
            yield from (("seal_unfelt", number) for number in living)
    for number in living:
        yield ("pause", number)
        yield ("hook_ends", number)
        yield ("repeat_note", number)


def natural(world: World) -> Iterator[Event]:
    """What goes on by itself. The sweep looks where an event was lost or an execution died: elsewhere it starts nothing
    that is not about to start."""
    yield from events.natural(world)
    awaited = {note.subject for note in world.notes} | {goodbye.subject for goodbye in world.goodbyes}
    left = world.records | {peer.host for raft in world.rafts for peer in raft.peers}
    for number, host in enumerate(world.hosts):
        forgotten = host.presence in ("leaving", "retained") or (host.presence == "gone" and number in left)
        if forgotten and name(number) not in awaited:
            yield ("sweep",)
            return


def at_once(world: World) -> Iterator[Event]:
    """What waits for nobody."""
    for goodbye in world.goodbyes:
        if goodbye.at == "sent" and execution.may_answer(world, goodbye):
            yield ("answer", goodbye.subject)
    if scaling.may_launch(world):
        yield ("launch",)


def hear(world: World, past: list[Event]) -> World:
    """A world after all that waits for nobody; `past` gains it."""
    while (event := next(at_once(world), None)) is not None:
        past.append(event)
        world = events.happen(world, event)
    return world


def fates(before: World, after: World, budget: Budget) -> Iterator[tuple[tuple[Event, ...], Budget]]:
    """What becomes of a terminate event that was just sent."""
    sent = [note.subject for note in after.notes if note not in before.notes]
    if not sent:
        yield (), budget
        return
    subject = sent[0]
    yield (("note", subject),), budget
    if budget.fates:
        less = budget._replace(fates=0)
        yield (("lose_note", subject),), less
        yield (("double_note", subject), ("note", subject)), less


class Search:
    def __init__(
        self, products: tuple[Product, ...], size: int, budget: Budget, most_states: int, most_seconds: float
    ) -> None:
        self.found = Found(products, size)
        self.most_states, self.deadline = most_states, process_time() + most_seconds
        self.began = process_time()
        self.parents: dict[int, tuple[int, tuple[Event, ...]]] = {}
        self.restful: set[int] = set()
        """Healed worlds that are known to come to rest."""
        world = formed(size, products)
        root = Node(world, budget, hash((world, budget)))
        self.parents[root.number] = (0, ())
        self.frontier = [root]

    def run(self) -> Found:
        found = self.found
        try:
            while self.frontier and not found.rule:
                ahead: list[Node] = []
                for node in self.frontier:
                    if len(self.parents) >= self.most_states or process_time() > self.deadline:
                        return found
                    self.expand(node, ahead)
                    if found.rule:
                        return found
                found.depth += bool(ahead)
                self.frontier = ahead
            found.complete = True
        finally:
            found.states = len(self.parents)
            found.seconds = process_time() - self.began
        return found

    def expand(self, node: Node, ahead: list[Node]) -> None:
        """All that may happen next, and what comes of it if nothing befalls it any more."""
        try:
            self.come_to_rest(node.world)
        except BrokenError as broken:
            self.fail(node.number, [], broken)
            return
        ordinary = [(event, node.budget) for event in natural(node.world)]
        for event, budget in [*ordinary, *misfortunes(node.world, node.budget)]:
            past = [event]
            try:
                world = events.happen(node.world, event)
                if world is node.world:
                    continue
                for fate, left in fates(node.world, world, budget):
                    past = [event, *fate]
                    self.reach(node, world, left, past, ahead)
            except BrokenError as broken:
                self.fail(node.number, past, broken)
                return

    def reach(self, node: Node, world: World, budget: Budget, past: list[Event], ahead: list[Node]) -> None:
        for event in past[1:]:
            world = events.happen(world, event)
        world = canonical(hear(world, past))
        self.found.steps += 1
        number = hash((world, budget))
        if number not in self.parents:
            self.parents[number] = (node.number, tuple(past))
            ahead.append(Node(world, budget, number))

    def come_to_rest(self, world: World) -> None:
        """Follows what goes on by itself until the cluster is whole, or joins a way that is known to end there."""
        world = canonical(settle.heal(world))
        way: list[int] = []
        if any(raft.leader == NOBODY for raft in world.rafts):
            return
        for _ in range(settle.MOST_ROUNDS):
            number = hash(world)
            if number in self.restful:
                break
            way.append(number)
            why = invariants.whole(world)
            if not why:
                break
            world = canonical(one_step(world))
        else:
            raise BrokenError("whole in the end", why)
        self.found.settled += 1
        self.restful.update(way)

    def fail(self, number: int, last: list[Event], broken: BrokenError) -> None:
        way = [tuple(last)]
        while self.parents[number][0]:
            number, before = self.parents[number]
            way.append(before)
        found = self.found
        found.rule, found.words = broken.rule, str(broken)
        found.history = History(
            0, found.size, found.products, tuple(event for events in reversed(way) for event in events)
        )


def one_step(world: World) -> World:
    """Towards rest, and depending on the world alone: what is no execution's comes first, then each has its turn."""
    for event in natural(world):
        if event[0] not in ("turn", "look", "release", "give_up"):
            after = hear(events.happen(world, event), [])
            if after is not world:
                return after
    before = world
    for goodbye in world.goodbyes:
        for kind in ("release", "look", "turn", "look", "give_up"):
            world = events.happen(world, (kind, goodbye.subject))
    owners = [goodbye.owner for goodbye in world.goodbyes]
    if world.lease.owner is not None and (world is before or world.lease.owner not in owners):
        world = events.happen(world, ("expire",))
    return world


def search(
    products: tuple[Product, ...],
    *,
    size: int = SIZE,
    budget: Budget = ALONE,
    most_states: int = 3_000_000,
    most_seconds: float = 600.0,
) -> Found:
    return Search(products, size, budget, most_states, most_seconds).run()
