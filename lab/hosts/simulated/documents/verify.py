"""verify: the node is a member: a voter where it serves, unsealed, ready."""

import uuid
from typing import Any

from lab.hosts.simulated.host import ExitError
from lab.hosts.simulated.introductions import FILE
from lab.hosts.simulated.task import Task

PATIENCE_SECONDS = 240


def product(task: Task) -> dict[str, Any]:
    kind = task.kind()
    with task.world.changed:
        task.wait_until(lambda: _obstacle(task, kind), PATIENCE_SECONDS)
        return _client(task) if kind == "client" else _server(task)


def _server(task: Task) -> dict[str, Any]:
    servers, instance_id = task.world.servers[task.component], task.host.instance_id
    raft = servers.cluster_of(instance_id)
    assert raft is not None
    seen = {
        "voter": True,
        "leader": raft.leader,
        "voters": len(raft.voters),
        "raft_id": servers.raft_id(instance_id),
        "cluster_id": None if task.component == "nomad" else raft.cluster_id,  # Nomad's API tells none
    }
    return {"sealed": False, **seen} if task.component == "vault" else seen


def _client(task: Task) -> dict[str, Any]:
    raft = task.world.servers[task.component].reachable(task.host)
    assert raft is not None
    if task.component == "consul":
        raft.clients.add(task.host.instance_id)  # one that started before there was a leader is listed now
        return {"member": True}
    if not task.world.introductions.register(task.host, raft):
        raise ExitError(
            70, "Nomad's servers refuse to register this client: it was not introduced to them, or came too late"
        )
    task.host.files.pop(FILE, None)
    node_id = str(uuid.uuid5(uuid.NAMESPACE_DNS, task.host.instance_id))
    drivers = str(task.host.setting("nomad", "driver.allowlist") or "").split(",")
    return {"ready": True, "node_id": node_id, "node_pool": task.host.setting("nomad", "node_pool"), "drivers": drivers}


def _obstacle(task: Task, kind: str) -> str | None:
    name, host = task.component, task.host
    if name not in host.running:
        return f"{name} is not running"
    servers = task.world.servers[name]
    if kind == "client":
        return None if servers.reachable(host) else f"{name} has found no server with a leader"
    raft = servers.cluster_of(host.instance_id)
    if raft is None:
        return f"{name} is in no cluster" if name != "vault" else "vault is sealed and not initialised"
    if host.instance_id in servers.sealed:
        return "vault is sealed"
    if raft.leader_seen_by(host.instance_id) is None:
        return f"{name} has no leader: {len(raft.dead_voters)} of {len(raft.voters)} voters are dead"
    if not raft.is_voter(host.instance_id):
        return f"{name} is not yet a voter"
    return None
