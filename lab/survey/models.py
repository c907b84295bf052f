"""The survey of simulated hosts: read from their models."""

import re
from collections.abc import Mapping

from lab.hosts.simulated import SimulatedHosts
from lab.hosts.simulated.world import PRODUCTS
from lab.survey import Allocation, JobSurvey, ProductSurvey, Survey


class ModelSurveyor:
    """Also plays Nomad's scheduler for one job: its count of allocations on ready clients."""

    def __init__(self, hosts: SimulatedHosts) -> None:
        self._hosts = hosts
        self._job: tuple[str, int] | None = None

    def survey(self) -> Survey:
        world = self._hosts.world
        with world.lock:
            world.settle()
            products = {product: self._product(product) for product in PRODUCTS}
            ready = tuple(
                host.instance_id
                for host in world.hosts.values()
                if host.kinds.get("nomad") == "client"
                and "nomad" in host.running
                and world.servers["nomad"].reachable(host) is not None
            )
        return Survey(products, ready, self._place(ready))

    def submit(self, name: str, hcl: str, variables: Mapping[str, str]) -> None:
        counts = re.findall(r"^\s*count\s*=\s*(\d+)", hcl, re.MULTILINE)
        self._job = name, sum(map(int, counts)) or 1

    def _product(self, product: str) -> ProductSurvey:
        servers = self._hosts.world.servers[product]
        if not servers.clusters:
            return ProductSurvey(product, clusters=0, problem="no cluster was formed")
        raft = max(servers.clusters, key=lambda one: len(one.peers))
        sealed = {}
        if product == "vault":
            sealed = {
                host.instance_id: host.instance_id in servers.sealed or servers.cluster_of(host.instance_id) is None
                for host in servers.living
            }
        return ProductSurvey(
            product,
            raft.leader,
            tuple(sorted(raft.voters)),
            tuple(sorted(raft.non_voters)),
            sealed,
            len(servers.clusters),
            None if raft.leader else "no leader",
        )

    def _place(self, ready: tuple[str, ...]) -> JobSurvey | None:
        if self._job is None:
            return None
        name, wanted = self._job
        placed = tuple(
            Allocation(f"{name}-{number}", instance_id, "running") for number, instance_id in enumerate(ready[:wanted])
        )
        status = "running" if len(placed) == wanted else "pending"
        return JobSurvey(name, status, placed, healthy_in_consul=len(placed))
