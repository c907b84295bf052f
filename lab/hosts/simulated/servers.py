"""The servers of one product: how they find each other and become Raft clusters.

More than one cluster is possible, as in reality: two servers that bootstrap without seeing each other make two.
"""

import uuid
from collections.abc import Callable, Iterable

from lab.hosts.simulated.gossip import understand
from lab.hosts.simulated.host import Host
from lab.hosts.simulated.raft import NoLeaderError, Now, Raft

RAFT_PORTS = {"consul": 8300, "vault": 8201, "nomad": 4647}


class Servers:
    """Started servers of `product` among all hosts. Called with the world's lock held.

    `bootstraps_itself` is True for Consul and Nomad (bootstrap_expect) and False for Vault, which an operator
    initialises.
    """

    def __init__(
        self,
        product: str,
        now: Now,
        stabilization_seconds: float,
        host_alive: Callable[[str], bool],
        *,
        bootstraps_itself: bool,
    ) -> None:
        self.product = product
        self.clusters: list[Raft] = []
        self.sealed: set[str] = set()
        """Vault alone: servers whose Vault runs and is of no use."""
        self.forgotten: set[str] = set()
        """Servers that gossip has pruned: nobody knows the name behind their Raft id any more."""
        self._started: dict[str, Host] = {}
        self._addresses: dict[str, str] = {}
        self._names: dict[str, str] = {}
        self._now = now
        self._stabilization_seconds = stabilization_seconds
        self._host_alive = host_alive
        self._bootstraps_itself = bootstraps_itself

    def alive(self, instance_id: str) -> bool:
        return instance_id in self._started and self._host_alive(instance_id)

    @property
    def living(self) -> list[Host]:
        return [host for host in self._started.values() if self.alive(host.instance_id)]

    def place(self, instance_id: str) -> str | None:
        """The part of the network in which it serves; None where it does not."""
        if not self.alive(instance_id) or instance_id in self.sealed:
            return None
        return self._started[instance_id].partition

    # Who they are.

    def raft_id(self, server: str) -> str:
        """Consul and Nomad make an id of their own, Vault is given its instance's."""
        return server if self.product == "vault" else str(uuid.uuid5(uuid.NAMESPACE_DNS, f"{self.product}.{server}"))

    def server_of(self, raft_id: str, raft: Raft) -> str | None:
        return next((server for server in raft.peers if self.raft_id(server) == raft_id), None)

    def name(self, server: str) -> str | None:
        """As the product tells it; None where gossip knows nobody of that id."""
        if self.product == "vault":
            return server
        return None if server in self.forgotten else self._names.get(server)

    def address(self, server: str) -> str:
        return f"{self._addresses.get(server, '192.0.2.1')}:{RAFT_PORTS[self.product]}"

    # What they do.

    def start(self, host: Host) -> None:
        again = host.instance_id not in self._started
        self._started[host.instance_id] = host
        self._addresses[host.instance_id] = host.machine.private_ip
        region = f".{host.setting('nomad', 'region') or 'global'}" if self.product == "nomad" else ""
        self._names[host.instance_id] = host.instance_id + region
        self.forgotten.discard(host.instance_id)
        if again and host.waits_for_shares(self.product):
            self.sealed.add(host.instance_id)
        raft = self.cluster_of(host.instance_id)
        if raft is not None and again:
            raft.revived(host.instance_id)
        self.settle()

    def stop(self, instance_id: str) -> None:
        self._started.pop(instance_id, None)

    def cluster_of(self, instance_id: str) -> Raft | None:
        return next((raft for raft in self.clusters if instance_id in raft.peers), None)

    def seen_by(self, host: Host) -> list[Host]:
        """Living servers that the host's own cloud auto-join finds, itself included if it serves."""
        tags = host.auto_joins(self.product)
        return [
            other
            for other in self.living
            if other is host
            or (
                understand(host, other, self.product)
                and other.key == host.key
                and other.partition == host.partition
                and any(other.has_tag(tag, value) for tag, value in tags)
            )
        ]

    def reachable(self, host: Host) -> Raft | None:
        """A cluster with a leader that the host finds, the way a client does."""
        for other in self.seen_by(host):
            raft = self.cluster_of(other.instance_id)
            if raft is not None and raft.leader_seen_by(other.instance_id) is not None:
                return raft
        return None

    def settle(self) -> None:
        """What gossip does by itself: servers join what they find, or bootstrap once they are as many as expected."""
        for host in list(self.living):
            if self.cluster_of(host.instance_id) is None and host.instance_id not in self.sealed:
                self._place(host)

    def _place(self, host: Host) -> None:
        expected = int(host.setting(self.product, "bootstrap_expect") or 0) if self._bootstraps_itself else 0
        if expected == 1:  # bootstraps at once, before it has looked around
            self.found([host])
            return
        for other in self.seen_by(host):
            raft = self.cluster_of(other.instance_id)
            if raft is None or raft.leader_seen_by(other.instance_id) is None:
                continue
            if self.product == "vault" and host.instance_id in raft.removals:
                continue  # a node id that was removed stays removed (vault#31732)
            try:
                raft.join(host.instance_id, self.address(host.instance_id))
            except NoLeaderError:
                continue
            return
        if expected:
            fresh = [
                other
                for other in self.seen_by(host)
                if self.cluster_of(other.instance_id) is None
                and int(other.setting(self.product, "bootstrap_expect") or 0) == expected
            ]
            if len(fresh) >= expected:
                self.found(sorted(fresh, key=lambda one: one.instance_id)[:expected])

    def found(self, hosts: Iterable[Host]) -> Raft:
        """Make a cluster of these."""
        hosts = list(hosts)
        minimum = int(hosts[0].setting(self.product, "min_quorum") or 0)
        # Read at the first election, then kept in Raft. Vault's is off by default, and set when it is initialised.
        cleans_up = hosts[0].setting(self.product, "cleanup_dead_servers")
        raft = Raft(
            self.place,
            self._now,
            self._stabilization_seconds,
            minimum_quorum=minimum,
            cleans_up_dead_servers=self._bootstraps_itself if cleans_up is None else bool(cleans_up),
        )
        raft.found((host.instance_id for host in hosts), self.address)
        self.clusters.append(raft)
        return raft
