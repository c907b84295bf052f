"""Deliberate mistakes: each puts a wrong function in the place of one of the domain's or of the world's scripts.

A proof that no mistake can disturb proves nothing. Histories and the exhaustive search have to find every one of these.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

from lab.histories import execution, exhaust, quorum, script, sight
from lab.histories.random_histories import Leaning
from lab.histories.world import NOBODY, Command, Goodbye, Host, Raft, World
from lambdas.domain.config import Product
from lambdas.domain.membership import decision, safety, standing
from lambdas.domain.membership import lease as leases
from lambdas.domain.membership.observation import Observation, Presence, Unknown

Patches = list[tuple[Any, str, Any]]


@dataclass(frozen=True)
class Mutant:
    name: str
    make: Callable[[], Patches]
    """Where it goes: module, name, what comes in its place."""
    small: str = ""
    """Why the exhaustive search's small world cannot show it; empty where it has to."""
    products: tuple[Product, ...] = ("consul",)
    """Of the small world that has to show it."""
    size: int = exhaust.SIZE
    leaning: Leaning | None = None
    """What its histories are about, where chance alone would need thousands to meet it."""


def without_rows(*rows: Callable[..., Any]) -> Callable[[], Patches]:
    return lambda: [(decision, "ROWS", tuple(row for row in decision.ROWS if row not in rows))]


def no_quorum_check() -> Patches:
    rows = tuple(row for row in decision.ROWS if row not in (decision.too_few_voters, decision.too_few_healthy))
    return [(decision, "ROWS", rows), (script, "allowed", lambda world, command: True)]


def no_size_floor() -> Patches:
    return [
        (safety, "leaves_enough_voters", lambda remaining, size: True),
        (decision, "_floor", lambda case, membership: (0, safety.spare_voters(len(membership.remaining)))),
    ]


def no_lease() -> Patches:
    def take(lease: leases.Lease, owner: str, now: float) -> leases.Lease:
        return leases.Lease(owner, lease.fencing + 1, now + leases.LEASE_SECONDS)

    return [(leases, "take", take)]


def number_stands_still() -> Patches:
    true = leases.take

    def take(lease: leases.Lease, owner: str, now: float) -> leases.Lease | None:
        taken = true(lease, owner, now)
        return None if taken is None else replace(taken, fencing=max(1, lease.fencing))

    return [(leases, "take", take)]


def any_number_will_do() -> Patches:
    def fenced(world: World, command: Command) -> bool:
        return True

    return [(script, "fenced", fenced)]


def abandon_is_safe() -> Patches:
    def abandon(world: World, number: int) -> World:
        return execution.let_go(world, number) if world.hosts[number].presence == "leaving" else world

    return [(execution, "abandon", abandon)]


def last_word_counts() -> Patches:
    """Nobody answers: what was known last is taken for what is."""
    true = sight._seen

    def seen(world: World, raft: Raft) -> Any:
        found = true(world, raft)
        if not isinstance(found, Unknown) or not raft.peers:
            return found
        leader = raft.leader if raft.leader != NOBODY else raft.peers[0].host
        return true(world._replace(blind=()), raft._replace(leader=leader)) if raft.product in world.blind else found

    return [(sight, "_seen", seen)]


def by_address() -> Patches:
    def targets(world: World, command: Command) -> tuple[int, ...]:
        address = world.hosts[command.peer].address
        peers = world.raft(command.product).peers
        return tuple(peer.host for peer in peers if world.hosts[peer.host].address == address)

    return [(script, "targets", targets), (script, "has_work", lambda world, command: bool(targets(world, command)))]


def two_at_a_time() -> Patches:
    """A turn removes from the next product as well."""
    true = execution.send

    def send(world: World, goodbye: Goodbye, made: decision.Decision) -> World:
        sent = true(world, goodbye, made)
        command = sent.commands[-1]
        again = [raft.product for raft in world.rafts if raft.product != command.product] or [command.product]
        return sent._replace(commands=(*sent.commands, command._replace(product=again[0])))

    return [(execution, "send", send)]


def silence_is_death() -> Patches:
    def presence(host: Host) -> Presence:
        return host.presence if sight.reachable(host) else "gone"

    return [(sight, "presence", presence)]


def sealed_votes() -> Patches:
    return [(safety, "is_sealed", lambda raft, peer: False)]


def leaves_while_it_leads() -> Patches:
    return without_rows(decision.hand_over)()


def dead_stay() -> Patches:
    def remove_gone(case: Any) -> Any:
        return ("wait", "the dead vote on", None) if case.host_is_gone else None

    rows = tuple(remove_gone if row is decision.remove_gone else row for row in decision.ROWS)
    return [(decision, "ROWS", rows)]


def stop_before_out() -> Patches:
    """Nomad's leave as it was first designed: it stops, and others remove its peer afterwards."""

    def leave_raft(world: World, command: Command) -> World:
        if command.product == "nomad":
            return world
        return quorum.remove(world, command.product, command.peer)

    return [(script, "leave_raft", leave_raft)]


def spare_by_size() -> Patches:
    def floor(case: Any, membership: Any) -> tuple[int, int]:
        if case.host_is_gone or not membership.votes:
            return 0, 0
        return membership.size, 1 if membership.size >= 3 else 0

    return [(decision, "_floor", floor)]


def human_is_yes() -> Patches:
    """What only a human can say is taken for a yes."""
    true = decision.decide

    def decide(observation: Observation, subject: str) -> decision.Decision:
        made = true(observation, subject)
        return replace(made, kind="release", step=None) if made.kind == "human" else made

    return [(decision, "decide", decide)]


def wanted_may_go() -> Patches:
    return without_rows(standing.wanted)()


def lease_is_for_ever() -> Patches:
    def take(lease: leases.Lease, owner: str, now: float) -> leases.Lease | None:
        if lease.owner not in (None, owner):
            return None
        return leases.Lease(owner, lease.fencing + 1, now + leases.LEASE_SECONDS)

    return [(leases, "take", take)]


def expired_still_holds() -> Patches:
    """A turn goes on after its lease expired, and renews what is another's."""

    def renew(lease: leases.Lease, owner: str, fencing: int, now: float) -> leases.Lease:
        return leases.Lease(owner, fencing, now + leases.LEASE_SECONDS)

    return [(leases, "renew", renew)]


CONSUL: tuple[tuple[Product, ...], ...] = (("consul",),)
ORPHANS = "the small world has no orphans"
MUTANTS: tuple[Mutant, ...] = (
    Mutant("skip the quorum check", no_quorum_check),
    Mutant("remove before join", no_size_floor),
    Mutant("no spare voter", lambda: [(safety, "spare_voters", lambda remaining: 0)]),
    Mutant(
        "spare voter by size",
        spare_by_size,
        small="it never asks for fewer voters than it has",
        leaning=Leaning(("set_size", "kill", "kill_unfelt"), (5, 7), CONSUL),
    ),
    Mutant("no lease", no_lease),
    Mutant("lease that never expires", lease_is_for_ever),
    Mutant("lease without growing number", number_stands_still),
    Mutant(
        "an expired lease still holds",
        expired_still_holds,
        leaning=Leaning(("terminate", "kill", "expire"), (3, 5), CONSUL),
    ),
    Mutant("script without fencing check", any_number_will_do),
    Mutant(
        "script without quorum re-count",
        lambda: [(script, "allowed", lambda world, command: True)],
        leaning=Leaning(("terminate", "kill", "freeze"), (3,), CONSUL),
    ),
    Mutant("ABANDON taken for safe", abandon_is_safe),
    Mutant(
        "human taken for release",
        human_is_yes,
        small="one death of three leaves no minority",
        leaning=Leaning(("terminate", "mislead"), (3, 5), CONSUL),
    ),
    Mutant("unknown taken for known", last_word_counts),
    Mutant("removal by address", by_address),
    Mutant("leader leaves without hand-over", leaves_while_it_leads),
    Mutant("dead voter never removed", dead_stay),
    Mutant("two removals per turn", two_at_a_time),
    Mutant("gone taken from unreachable", silence_is_death),
    Mutant(
        "sealed counted as healthy",
        sealed_votes,
        products=("vault",),
        leaning=Leaning(("terminate", "seal", "seal_unfelt"), (3,), (("vault",),)),
    ),
    Mutant("healthy orphan removed", without_rows(standing.stranger, decision.lingering), small=ORPHANS),
    Mutant("a wanted server may go", wanted_may_go),
    Mutant("nomad stops before it is out", stop_before_out, products=("nomad",), size=1),
)

BY_NAME = {mutant.name: mutant for mutant in MUTANTS}


@contextmanager
def made(name: str) -> Iterator[None]:
    """The mistake, while it lasts; none for an empty name."""
    with ExitStack() as stack:
        for module, attribute, value in BY_NAME[name].make() if name else ():
            stack.enter_context(patch.object(module, attribute, value))
        sight._merged.cache_clear()
        yield
    sight._merged.cache_clear()
