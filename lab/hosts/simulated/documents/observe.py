"""observe: what a server tells of its products' membership. That it cannot tell is an answer too, never an error."""

from typing import Any

from lab.hosts.simulated.documents.quorum import obstacle
from lab.hosts.simulated.task import Task


def node(task: Task) -> dict[str, Any]:
    task.require("Serves")
    with task.world.changed:
        task.world.settle()
        return {product: _told(task, product) for product in task.parameters["Serves"].split(",")}


def _told(task: Task, name: str) -> dict[str, Any]:
    instance_id = task.host.instance_id
    servers = task.world.servers[name]
    running, raft, why = servers.alive(instance_id), servers.cluster_of(instance_id), obstacle(task, name)
    sealed = instance_id in servers.sealed or raft is None
    told: dict[str, Any] = {
        "running": running,
        "known": why is None,
        "reason": why or "as its leader tells it",
        # Nomad's API tells none, a sealed Vault's neither.
        "cluster_id": raft.cluster_id if raft and running and name != "nomad" and not sealed else None,
        "own_raft_id": servers.raft_id(instance_id) if running else None,
        "leader": None,
        "sealed": sealed if name == "vault" and running else None,
        "peers": [],
    }
    if why is not None or raft is None or raft.leader is None:
        return told
    peers = [
        {
            "id": servers.raft_id(server),
            "name": servers.name(server),
            "address": peer.address,
            "voter": peer.voter,
            "healthy": raft.healthy(server),
        }
        for server, peer in raft.peers.items()
    ]
    return told | {"leader": servers.raft_id(raft.leader), "peers": peers}
