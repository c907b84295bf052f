"""What is known of a cluster's membership at one moment: instances as AWS tells them, Raft as its servers tell it.

Plain frozen dataclasses, not models: histories make millions of them. What comes over a wire is parsed in `reports`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from lambdas.domain.config import Product

Presence = Literal["launching", "in_service", "leaving", "retained", "gone"]
"""Of a server's instance. `leaving` waits in its terminate hook, `retained` was abandoned there and lives on, `gone`
has no host any more, whatever its group says."""

ORPHAN = "peer:"
"""Beginning of a subject that is no instance: a Raft peer that nobody can name, as `peer:<product>:<raft id>`."""


@dataclass(frozen=True, slots=True)
class Server:
    """An instance of a server group, in its group or known from its member record."""

    instance_id: str
    group: str
    serves: tuple[Product, ...]
    presence: Presence
    private_ip: str = ""
    reachable: bool = True
    """Whether its SSM agent answers: whether anything can be run there."""


@dataclass(frozen=True, slots=True)
class Peer:
    """A server in a product's Raft configuration, as the leader tells it."""

    raft_id: str
    instance_id: str | None
    """Whose peer it is; None where neither its name nor a member record says."""
    address: str
    voter: bool
    healthy: bool
    """Autopilot's word: alive, and not behind."""


@dataclass(frozen=True, slots=True)
class Raft:
    """One product's membership, on which all servers that answered agree."""

    product: Product
    leader: str
    """Raft id of the leader."""
    peers: tuple[Peer, ...]
    observers: frozenset[str]
    """Instances that answered with this very view and whose product runs: a change can be made there."""
    stopped: frozenset[str] = frozenset()
    """Instances that answered that the product does not run there."""
    sealed: frozenset[str] = frozenset()
    """Vault alone: instances whose Vault is sealed, so that their vote is none."""

    @property
    def voters(self) -> tuple[Peer, ...]:
        return tuple(peer for peer in self.peers if peer.voter)

    def peer_of(self, instance_id: str) -> Peer | None:
        return next((peer for peer in self.peers if peer.instance_id == instance_id), None)

    def leads(self, instance_id: str) -> bool:
        peer = self.peer_of(instance_id)
        return peer is not None and peer.raft_id == self.leader


@dataclass(frozen=True, slots=True)
class Unknown:
    """Why nothing can be said of a product's membership. It never removes anybody."""

    product: Product
    reason: str
    foreign: bool = False
    """A server answered for another cluster than ours: a human has to look."""
    sealed: frozenset[str] = frozenset()
    """As of `Raft`: where all are sealed, nobody tells the membership."""


@dataclass(frozen=True, slots=True)
class Observation:
    servers: tuple[Server, ...]
    rafts: Mapping[Product, Raft | Unknown]
    sizes: Mapping[Product, int]
    """Voters that the cluster file asks for, by product: the smallest safe size."""

    def server(self, instance_id: str) -> Server | None:
        return next((server for server in self.servers if server.instance_id == instance_id), None)
