"""One Raft cluster of one product: who is in its configuration, who votes, who leads.

Voters that are down stay in the configuration and count against quorum until somebody removes them: that is what makes
replacement dangerous, and why it is modelled.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

Alive = Callable[[str], bool]
Now = Callable[[], float]


class NoLeaderError(Exception):
    """The cluster has no quorum of living voters: nothing can be changed or read consistently."""


@dataclass
class Peer:
    """A server in the configuration. It votes from `votes_at` on, if it has been alive since (stabilisation)."""

    server: str
    joined_at: float
    votes_at: float


@dataclass
class Raft:
    """`state` is what the cluster replicates (ACLs, Vault's keys); all members share it, nobody else has it."""

    alive: Alive
    now: Now
    stabilization_seconds: float
    minimum_quorum: int = 0
    cleans_up_dead_servers: bool = True
    state: dict[str, Any] = field(default_factory=dict)
    peers: dict[str, Peer] = field(default_factory=dict)
    _leader: str | None = None

    def found(self, servers: Iterable[str]) -> None:
        """The first configuration: all of them vote at once."""
        for server in servers:
            self.peers[server] = Peer(server, self.now(), self.now())

    def join(self, server: str) -> None:
        """Add a non-voter, by the leader; autopilot lets it vote once it was stable for long enough."""
        self.require_leader()
        self.peers.setdefault(server, Peer(server, self.now(), self.now() + self.stabilization_seconds))

    def remove(self, server: str) -> None:
        self.require_leader()
        self.peers.pop(server, None)

    def is_voter(self, server: str) -> bool:
        peer = self.peers.get(server)
        return peer is not None and peer.votes_at <= self.now()

    @property
    def voters(self) -> tuple[str, ...]:
        return tuple(server for server in self.peers if self.is_voter(server))

    @property
    def non_voters(self) -> tuple[str, ...]:
        return tuple(server for server in self.peers if not self.is_voter(server))

    @property
    def dead_voters(self) -> tuple[str, ...]:
        return tuple(server for server in self.voters if not self.alive(server))

    @property
    def quorum(self) -> int:
        return len(self.voters) // 2 + 1

    @property
    def leader(self) -> str | None:
        """Who leads; elected when asked, and kept for as long as it lives, votes and has a quorum."""
        living = [server for server in self.voters if self.alive(server)]
        if len(living) < self.quorum:
            self._leader = None
        elif self._leader not in living:
            self._leader = min(living)
        return self._leader

    def transfer_leadership(self) -> None:
        """To another living voter, if there is one."""
        leader = self.require_leader()
        others = [server for server in self.voters if self.alive(server) and server != leader]
        self._leader = min(others, default=leader)

    def require_leader(self) -> str:
        leader = self.leader
        if leader is None:
            alive = len(self.voters) - len(self.dead_voters)
            raise NoLeaderError(f"no leader: {alive} of {len(self.voters)} voters are alive, {self.quorum} are needed")
        return leader

    def revived(self, server: str) -> None:
        """A non-voter that came back has to be stable anew."""
        peer = self.peers.get(server)
        if peer is not None and not self.is_voter(server):
            peer.votes_at = self.now() + self.stabilization_seconds

    def clean_up(self) -> tuple[str, ...]:
        """One pass of autopilot (raft-autopilot 0.3.0, reconcile.go): dead non-voters first, then at most
        (voters - 1) / 2 dead voters, never below the minimum quorum, nothing without a leader."""
        if not self.cleans_up_dead_servers or self.leader is None:
            return ()
        gone = [server for server in self.non_voters if not self.alive(server)]
        voters = len(self.voters)
        for server in self.dead_voters[: (voters - 1) // 2]:
            if voters - 1 < self.minimum_quorum:
                break
            voters -= 1
            gone.append(server)
        for server in gone:
            del self.peers[server]
        return tuple(gone)
