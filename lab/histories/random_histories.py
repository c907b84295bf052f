"""A history from a seed: a cluster, and what befalls it. The seed alone decides, so that a number replays it."""

from collections import Counter
from random import Random
from typing import NamedTuple

from lab.histories import events, quorum, settle
from lab.histories.events import Event
from lab.histories.invariants import BrokenError
from lab.histories.world import World, formed
from lambdas.domain.config import Product

SIZES = (1, 3, 3, 3, 5, 5, 7)
PRODUCTS: tuple[tuple[Product, ...], ...] = (("consul",), ("vault",), ("nomad",), ("consul", "vault", "nomad"))
STEPS = (20, 90)
"""Events of a history before it comes to rest."""

ON_HOSTS = {
    "terminate": 6, "kill": 5, "kill_unfelt": 3, "freeze": 2, "freeze_unfelt": 2, "reboot": 4, "notice": 3,
    "partition": 3, "partition_unfelt": 1, "rejoin": 4, "pause": 4, "resume": 6, "seal": 2, "seal_unfelt": 2,
    "unseal": 4, "mislead": 1, "put_right": 3, "forget_launch": 3, "launch_fails": 2, "hook_ends": 2, "repeat_note": 2,
}  # fmt: skip
ON_SUBJECTS = {"die": 4, "lose_patience": 2, "turn_half_done": 3, "lose_note": 4, "double_note": 3}
ON_COMMANDS = {"twice": 4, "lose_command": 3, "stop_change": 3}
ON_PRODUCTS = {"blind": 2, "see": 3, "orphan": 1}
ON_PRODUCT_AND_HOST = {"elect": 4, "expel": 1}
AT_LARGE = {"expire": 5, "age": 4, "refresh": 1, "sweep": 5, "set_size": 1, "set_desired": 1}
WEIGHTS = ON_HOSTS | ON_SUBJECTS | ON_COMMANDS | ON_PRODUCTS | ON_PRODUCT_AND_HOST | AT_LARGE
CURES = ("reboot", "rejoin", "resume", "unseal", "put_right", "see", "sweep", "expire")
"""Always possible, whatever else a history leaves out."""


UNNOTICED = 0.8
"""How seldom autopilot notices, beside all else that may happen: what it has not noticed is where the danger is."""


class History(NamedTuple):
    seed: int
    size: int
    products: tuple[Product, ...]
    events: tuple[Event, ...]


class Leaning(NamedTuple):
    """What a history is about, where not chance decides: it knows these kinds, besides cures, and no others."""

    kinds: tuple[str, ...]
    sizes: tuple[int, ...] = SIZES
    products: tuple[tuple[Product, ...], ...] = PRODUCTS


class Ended(NamedTuple):
    """`outcome` is `whole`, `quorum lost`, or the name of the rule that broke, and `words` then says how."""

    history: History
    outcome: str
    words: str
    kinds: Counter[str]

    @property
    def failed(self) -> bool:
        return self.outcome not in ("whole", "quorum lost")


def live(seed: int, leaning: Leaning | None = None) -> Ended:
    """The whole history of a seed."""
    random = Random(seed)
    sizes, possible = (leaning.sizes, leaning.products) if leaning else (SIZES, PRODUCTS)
    size, products = random.choice(sizes), random.choice(possible)
    past: list[Event] = []
    kinds: Counter[str] = Counter()
    outcome, words = "", ""
    try:
        known = known_kinds(random, leaning)
        world = befall(random, formed(size, products), known, past, kinds)
        outcome = settle.settle(world)
    except BrokenError as broken:
        outcome, words = broken.rule, str(broken)
    return Ended(History(seed, size, products, tuple(past)), outcome, words, kinds)


def known_kinds(random: Random, leaning: Leaning | None) -> list[str]:
    """Each history draws the kinds of misfortune that it knows: few kinds meet more often than all of them."""
    if leaning:
        return [kind for kind in WEIGHTS if kind in CURES or kind in leaning.kinds]
    return [kind for kind in WEIGHTS if kind in CURES or random.random() < 0.4]


def befall(random: Random, world: World, known: list[str], past: list[Event], kinds: Counter[str]) -> World:
    """Chance."""
    weights = [WEIGHTS[kind] for kind in known]
    rate = random.choice((0.1, 0.2, 0.35))
    merciful = random.random() < 0.85
    for _ in range(random.randint(*STEPS)):
        chance = random.random() < rate
        event = misfortune(random, world, random.choices(known, weights)[0]) if chance else ordinary(random, world)
        if event is None:
            continue
        past.append(event)
        after = events.happen(world, event)
        if chance and after is not world and merciful and loses_quorum(world, after):
            past.pop()
        elif after is not world:
            kinds[event[0]] += 1
            world = after
        elif event[0] not in ("turn", "look"):
            past.pop()
    return world


def loses_quorum(before: World, after: World) -> bool:
    return any(
        quorum.has_quorum(before, was) and not quorum.has_quorum(after, now)
        for was, now in zip(before.rafts, after.rafts, strict=True)
    )


def ordinary(random: Random, world: World) -> Event | None:
    possible = list(events.natural(world))
    if random.random() < UNNOTICED:
        possible = [event for event in possible if event[0] != "feel"]
    return random.choice(possible) if possible else None


def misfortune(random: Random, world: World, kind: str) -> Event | None:
    if kind in ON_HOSTS:
        living = [number for number, host in enumerate(world.hosts) if host.presence != "gone" or host.strange]
        return (kind, random.choice(living)) if living else None
    if kind in ("lose_note", "double_note"):
        return (kind, random.choice(world.notes).subject) if world.notes else None
    if kind in ON_SUBJECTS:
        return (kind, random.choice(world.goodbyes).subject) if world.goodbyes else None
    if kind in ON_COMMANDS:
        return (kind, random.randrange(len(world.commands))) if world.commands else None
    product = random.choice(world.rafts).product
    if kind in ON_PRODUCTS:
        return (kind, product)
    if kind in ON_PRODUCT_AND_HOST:
        return (kind, product, random.randrange(len(world.hosts)))
    if kind == "set_size":
        return (kind, random.choice((1, 3, 5, 7)))
    if kind == "set_desired":
        return (kind, max(1, world.size + random.choice((-1, 0, 1))))
    return (kind,)


def replay(history: History) -> tuple[str, str]:
    """The outcome of a list of events, and its words: what shrinking asks again and again."""
    try:
        world = formed(history.size, history.products)
        for event in history.events:
            world = events.happen(world, event)
        return settle.settle(world), ""
    except BrokenError as broken:
        return broken.rule, str(broken)
