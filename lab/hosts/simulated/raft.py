"""One Raft cluster of one product: who is in its configuration, who votes, who leads, and who can know it.

Voters that are down stay in the configuration and count against quorum until somebody removes them: that is what makes
replacement dangerous, and why it is modelled. A server cut off with a minority sees no leader, the others elect one.
"""

import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

Place = Callable[[str], str | None]
"""In which part of a partitioned network a server takes part; None where it does not: down, stopped, sealed."""

Now = Callable[[], float]


class NoLeaderError(Exception):
    """The cluster has no quorum of living voters: nothing can be changed or read consistently."""


@dataclass
class Peer:
    """A server in the configuration. Autopilot lets it vote once it has been healthy since `stable_since` for long
    enough; None while it is not."""

    server: str
    voter: bool
    stable_since: float | None
    address: str = ""
    """As it was when it joined: nothing in Raft notices that it has another owner by now."""


@dataclass
class Raft:
    """`state` is what the cluster replicates (ACLs, Vault's keys); all members share it, nobody else has it."""

    place: Place
    now: Now
    stabilization_seconds: float
    minimum_quorum: int = 0
    cleans_up_dead_servers: bool = True
    cluster_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    state: dict[str, Any] = field(default_factory=dict)
    peers: dict[str, Peer] = field(default_factory=dict)
    clients: set[str] = field(default_factory=set)
    """Those that its servers list, down or not, until somebody takes them off."""
    removals: list[str] = field(default_factory=list)
    """Who was taken out, in order, by whomever."""
    _leader: str | None = None

    def found(self, servers: Iterable[str], address: Callable[[str], str] = lambda server: "") -> None:
        """The first configuration: all of them vote at once."""
        for server in servers:
            self.peers[server] = Peer(server, True, self.now(), address(server))

    def join(self, server: str, address: str = "") -> None:
        """Add a non-voter, by the leader; autopilot lets it vote once it was stable for long enough."""
        self.require_leader()
        self.peers.setdefault(server, Peer(server, False, self.now(), address))

    def remove(self, server: str) -> None:
        self.require_leader()
        if self.peers.pop(server, None):
            self.removals.append(server)

    # Who votes and who leads.

    def is_voter(self, server: str) -> bool:
        self._promote()
        peer = self.peers.get(server)
        return peer is not None and peer.voter

    @property
    def voters(self) -> tuple[str, ...]:
        self._promote()
        return tuple(peer.server for peer in self.peers.values() if peer.voter)

    @property
    def non_voters(self) -> tuple[str, ...]:
        self._promote()
        return tuple(peer.server for peer in self.peers.values() if not peer.voter)

    @property
    def dead_voters(self) -> tuple[str, ...]:
        """Voters that the leader does not reach, or, without one, that are down."""
        leader = self.leader
        if leader is None:
            return tuple(server for server in self.voters if self.place(server) is None)
        return tuple(server for server in self.voters if not self.healthy(server))

    @property
    def quorum(self) -> int:
        return len(self.voters) // 2 + 1

    @property
    def leader(self) -> str | None:
        """Who leads; elected when asked, and kept for as long as it lives, votes and reaches a quorum."""
        self._promote()
        return self._elect()

    def leader_seen_by(self, server: str) -> str | None:
        """Nobody, for a server that is cut off from the majority, or takes no part."""
        leader = self.leader
        return leader if leader is not None and self.place(server) == self.place(leader) else None

    def healthy(self, server: str) -> bool:
        """Autopilot's word: the leader reaches it."""
        return self.leader_seen_by(server) is not None

    def transfer_leadership(self, to: str | None = None) -> None:
        """To another living voter, if there is one."""
        leader = self.require_leader()
        others = [server for server in self.voters if self.healthy(server) and server != leader]
        self._leader = to if to in others else min(others, default=leader)

    def require_leader(self) -> str:
        leader = self.leader
        if leader is None:
            alive = Counter(place for server in self.voters if (place := self.place(server)) is not None)
            most = max(alive.values(), default=0)
            raise NoLeaderError(f"no leader: {most} of {len(self.voters)} voters are alive, {self.quorum} are needed")
        return leader

    def revived(self, server: str) -> None:
        """A non-voter that came back has to be stable anew."""
        peer = self.peers.get(server)
        if peer is not None and not peer.voter:
            peer.stable_since = self.now()

    # Autopilot.

    def settle(self) -> None:
        """One pass: votes for who has been stable, and no place for the dead where it was told to clean up."""
        self._promote()
        self.clean_up()

    def clean_up(self) -> tuple[str, ...]:
        """raft-autopilot 0.3.0, reconcile.go: dead non-voters first, then at most (voters - 1) / 2 dead voters, never
        below the minimum quorum, nothing without a leader."""
        if not self.cleans_up_dead_servers or self.leader is None:
            return ()
        gone = [server for server in self.non_voters if not self.healthy(server)]
        voters = len(self.voters)
        for server in self.dead_voters[: (voters - 1) // 2]:
            if voters - 1 < self.minimum_quorum:
                break
            voters -= 1
            gone.append(server)
        for server in gone:
            self.remove(server)
        return tuple(gone)

    def _promote(self) -> None:
        waiting = [peer for peer in self.peers.values() if not peer.voter]
        leader = self._elect() if waiting else None
        if leader is None:
            return
        now, majority = self.now(), self.place(leader)
        for peer in waiting:
            if self.place(peer.server) != majority:
                peer.stable_since = None
            elif peer.stable_since is None:
                peer.stable_since = now
            elif now - peer.stable_since >= self.stabilization_seconds:
                peer.voter = True

    def _elect(self) -> str | None:
        voters = [peer.server for peer in self.peers.values() if peer.voter]
        places = {server: place for server in voters if (place := self.place(server)) is not None}
        majority = next((p for p, votes in Counter(places.values()).items() if votes > len(voters) // 2), None)
        if majority is None:
            self._leader = None
        elif places.get(self._leader or "") != majority:
            self._leader = min(server for server, place in places.items() if place == majority)
        return self._leader
