"""What there is: hosts, Raft, the lease, executions, commands under way. Tuples only, so that a state can be a key.

There is no clock. What takes time in AWS is an event here (`the lease expires`, `patience is lost`), so a history may
put it anywhere, but for what the rules of time exclude: see `scaling.may_pass_time`.
"""

from typing import NamedTuple

from lambdas.domain.config import Product
from lambdas.domain.membership.lease import Lease
from lambdas.domain.membership.observation import Presence

NOBODY = -1


class Host(NamedTuple):
    """A server's instance, its machine, and what runs there. Its number is its place in `World.hosts`."""

    presence: Presence
    address: int
    alive: bool = True
    linked: bool = True
    """False: a partition keeps it from all other hosts."""
    agent: bool = True
    """False: its SSM agent is paused, though all else goes on."""
    tended: bool = True
    """An execution of node_launch works on it."""
    sealed: bool = False
    stopped: tuple[Product, ...] = ()
    """Products that left: stopped and disabled for good."""
    felt: bool = True
    """False: autopilot has not noticed yet that it is dead, cut off or sealed."""
    strange: bool = False
    """Of no group of ours and known to nobody: an orphan peer runs there."""
    misled: bool = False
    """Its products answer for another cluster."""


class Peer(NamedTuple):
    host: int
    voter: bool


class Raft(NamedTuple):
    product: Product
    peers: tuple[Peer, ...]
    leader: int
    """NOBODY while no majority of the voters can hear each other."""


class Command(NamedTuple):
    """A document under way to a node. It stays in the world after its execution forgot it: it may arrive late."""

    fencing: int
    product: Product
    phase: str
    on: int
    peer: int
    subject: str
    fewest_voters: int
    spare_voters: int
    copies: int = 1
    """How often it will run: a retry may have sent it twice."""
    checked: bool = False
    """Past its own check, its change is next."""
    losses: int = 0
    """Voters that its check counted and that are lost: unnoticed then, or since."""


class Goodbye(NamedTuple):
    """A running execution of node_terminate. At most one for a subject: claims see to it."""

    subject: str
    number: int
    at: str = "turn"
    """turn: wants the lease. look: has it. sent: waits for a command. release: is about to let the instance go."""
    fencing: int = 0
    by_sweep: bool = False

    @property
    def owner(self) -> str:
        return f"{self.subject}#{self.number}"


class Note(NamedTuple):
    """An event of Auto Scaling on its way: this subject is to go."""

    subject: str
    copies: int


class World(NamedTuple):
    hosts: tuple[Host, ...]
    rafts: tuple[Raft, ...]
    size: int
    """Voters that the cluster file asks for."""
    desired: int
    """Instances that the group is told to have; an operator may set it apart from the file."""
    lease: Lease = Lease()
    goodbyes: tuple[Goodbye, ...] = ()
    commands: tuple[Command, ...] = ()
    notes: tuple[Note, ...] = ()
    records: frozenset[int] = frozenset()
    """Hosts with a member record."""
    executions: int = 0
    """Executions so far: names of theirs are never used again."""
    refreshing: tuple[int, ...] = ()
    """Hosts that an instance refresh has yet to replace."""
    blind: tuple[Product, ...] = ()
    """Products whose reports come back as anything but the promised JSON."""
    outsiders: frozenset[str] = frozenset()
    """Instances in service without a peer, as the sweep before saw them."""

    def of_host(self, number: int, **changes: object) -> "World":
        hosts = list(self.hosts)
        hosts[number] = hosts[number]._replace(**changes)
        return self._replace(hosts=tuple(hosts))

    def of_raft(self, product: Product, **changes: object) -> "World":
        return self._replace(
            rafts=tuple(raft._replace(**changes) if raft.product == product else raft for raft in self.rafts)
        )

    def of_goodbye(self, goodbye: Goodbye, changed: Goodbye | None) -> "World":
        kept = (changed if one == goodbye else one for one in self.goodbyes)
        return self._replace(goodbyes=tuple(one for one in kept if one is not None))

    def raft(self, product: Product) -> Raft:
        return next(raft for raft in self.rafts if raft.product == product)

    def goodbye(self, subject: str) -> Goodbye | None:
        return next((goodbye for goodbye in self.goodbyes if goodbye.subject == subject), None)


def formed(size: int, products: tuple[Product, ...]) -> World:
    """A cluster as formation leaves it."""
    return World(
        hosts=tuple(Host("in_service", number) for number in range(size)),
        rafts=tuple(Raft(product, tuple(Peer(number, True) for number in range(size)), 0) for product in products),
        size=size,
        desired=size,
        records=frozenset(range(size)),
    )


def name(number: int) -> str:
    """Of a host, as AWS has it."""
    return f"i-{number:08d}"


def raft_id(number: int) -> str:
    return f"r-{number}"


def number_of(name_or_id: str) -> int:
    return int(name_or_id.rpartition("-")[2])
