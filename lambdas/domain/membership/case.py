"""One subject in one observation: what every row of the decision asks about."""

from collections.abc import Iterator
from dataclasses import dataclass

from lambdas.domain.config import Product
from lambdas.domain.membership import safety
from lambdas.domain.membership.observation import ORPHAN, Observation, Peer, Raft, Server, Unknown

ORDER: tuple[Product, ...] = ("nomad", "vault", "consul")
"""Nomad needs the others to be there, everything needs Consul: it leaves last (products.md D2)."""


@dataclass(frozen=True, slots=True)
class Membership:
    """The subject in one product that counts it among its peers."""

    product: Product
    raft: Raft
    own: tuple[Peer, ...]
    """Its peers, never empty. Two where it lost its disk and came back under a new id."""
    size: int

    @property
    def peer(self) -> Peer:
        """The one to take out next: the leader, then a healthy one, so that a host speaks for what it runs."""
        return min(self.own, key=lambda peer: (peer.raft_id != self.raft.leader, not peer.healthy, peer.raft_id))

    @property
    def leads(self) -> bool:
        return any(peer.raft_id == self.raft.leader for peer in self.own)

    @property
    def votes(self) -> bool:
        return any(peer.voter for peer in self.own)

    @property
    def remaining(self) -> tuple[Peer, ...]:
        return safety.without(self.raft, self.own)


@dataclass(frozen=True, slots=True)
class Case:
    observation: Observation
    subject: str
    server: Server | None
    orphan: tuple[Product, str] | None
    """Product and Raft id, where the subject is a peer that nobody can name."""
    settled: tuple[Raft | Unknown, ...]
    """Of each product that concerns the subject, in order."""
    memberships: tuple[Membership, ...]
    """Where it is still a peer, in order."""

    @property
    def host_is_gone(self) -> bool:
        """A peer of no instance has no host of ours either: `stranger` sees to those that live all the same."""
        return self.server is None or self.server.presence == "gone"

    @property
    def unknown(self) -> Iterator[Unknown]:
        return (raft for raft in self.settled if isinstance(raft, Unknown))


def open_case(observation: Observation, subject: str) -> Case:
    server = observation.server(subject)
    orphan = None if server else parse_orphan(subject)
    settled: list[Raft | Unknown] = []
    memberships: list[Membership] = []
    for product in ORDER:
        raft = safety.settled(observation, product)
        own = _own(raft, subject, orphan) if isinstance(raft, Raft) else ()
        if own or _concerns(observation, product, server, orphan):
            settled.append(raft)
        if own and isinstance(raft, Raft):
            memberships.append(Membership(product, raft, own, safety.smallest_size(observation, product)))
    return Case(observation, subject, server, orphan, tuple(settled), tuple(memberships))


def parse_orphan(subject: str) -> tuple[Product, str] | None:
    if not subject.startswith(ORPHAN):
        return None
    product, _, raft_id = subject.removeprefix(ORPHAN).partition(":")
    return (product, raft_id) if product in ORDER and raft_id else None


def orphan_subject(product: Product, raft_id: str) -> str:
    return f"{ORPHAN}{product}:{raft_id}"


def _concerns(
    observation: Observation, product: Product, server: Server | None, orphan: tuple[Product, str] | None
) -> bool:
    """An instance that nobody knows may be a peer of whatever is there."""
    if server is not None:
        return product in server.serves
    return product == orphan[0] if orphan else safety.is_served(observation, product)


def _own(raft: Raft, subject: str, orphan: tuple[Product, str] | None) -> tuple[Peer, ...]:
    if orphan is not None:
        return tuple(peer for peer in raft.peers if orphan == (raft.product, peer.raft_id))
    return tuple(peer for peer in raft.peers if peer.instance_id == subject)
