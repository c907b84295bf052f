"""The servers of one product: how they find each other and become Raft clusters.

More than one cluster is possible, as in reality: two servers that bootstrap without seeing each other make two.
"""

from collections.abc import Callable, Iterable

from lab.hosts.simulated.host import Host
from lab.hosts.simulated.raft import NoLeaderError, Now, Raft


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
        alive: Callable[[str], bool],
        *,
        bootstraps_itself: bool,
    ) -> None:
        self.product = product
        self.clusters: list[Raft] = []
        self._started: dict[str, Host] = {}
        self._now = now
        self._stabilization_seconds = stabilization_seconds
        self._host_alive = alive
        self._bootstraps_itself = bootstraps_itself

    def alive(self, instance_id: str) -> bool:
        return instance_id in self._started and self._host_alive(instance_id)

    @property
    def living(self) -> list[Host]:
        return [host for host in self._started.values() if self.alive(host.instance_id)]

    def start(self, host: Host) -> None:
        again = host.instance_id not in self._started
        self._started[host.instance_id] = host
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
                other.key == host.key
                and other.partition == host.partition
                and any(other.has_tag(tag, value) for tag, value in tags)
            )
        ]

    def reachable(self, host: Host) -> Raft | None:
        """A cluster with a leader that the host finds, the way a client does."""
        for other in self.seen_by(host):
            raft = self.cluster_of(other.instance_id)
            if raft is not None and raft.leader is not None:
                return raft
        return None

    def settle(self) -> None:
        """What gossip does by itself: servers join what they find, or bootstrap once they are as many as expected."""
        for host in list(self.living):
            if self.cluster_of(host.instance_id) is None:
                self._place(host)

    def _place(self, host: Host) -> None:
        expected = int(host.setting(self.product, "bootstrap_expect") or 0) if self._bootstraps_itself else 0
        if expected == 1:  # bootstraps at once, before it has looked around
            self.found([host])
            return
        for other in self.seen_by(host):
            raft = self.cluster_of(other.instance_id)
            if raft is not None:
                try:
                    raft.join(host.instance_id)
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
        raft = Raft(
            self.alive,
            self._now,
            self._stabilization_seconds,
            minimum_quorum=minimum,
            cleans_up_dead_servers=self._bootstraps_itself,  # Vault: cleanup_dead_servers is off by default
        )
        raft.found(host.instance_id for host in hosts)
        self.clusters.append(raft)
        return raft
