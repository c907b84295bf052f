"""bootstrap: the cluster's first state, made once and recognised when it is there."""

import json
import uuid
from typing import Any

from lab.hosts.simulated.documents.configure import file_set
from lab.hosts.simulated.host import ExitError
from lab.hosts.simulated.raft import Raft
from lab.hosts.simulated.task import Task

PATIENCE_SECONDS = 120


def consul(task: Task) -> dict[str, Any]:
    _, values = file_set(task)
    changed = _bootstrap_acl(task, values["management_secret"])
    for token in values.get("tokens", ()):
        task.require_secret(token["secret"])
    return {"changed": changed}


def nomad(task: Task) -> dict[str, Any]:
    _, values = file_set(task)
    task.require_secret(values["consul"]["management_secret"])
    changed = _bootstrap_acl(task, values["management_secret"])
    for token in values.get("tokens", ()):
        name = task.secret_name(token["secret"])
        if task.world.secret(name) is None:
            task.world.store_secret(name, str(uuid.uuid4()), task.parameters["Generation"])
    return {"changed": changed}


def vault(task: Task) -> dict[str, Any]:
    """Initialise Vault on this host, once in its life; the keys are stored before anything else is done."""
    task.require("Generation")
    _, values = file_set(task)
    secret = task.secret_name(values["recovery_secret"])
    kept = task.world.secret(secret) or ""
    with task.world.changed:
        servers = task.world.servers["vault"]
        if task.host.instance_id not in {host.instance_id for host in servers.living}:
            raise ExitError(75, "vault does not answer")
        raft = servers.cluster_of(task.host.instance_id)
        if raft is None and "recovery_keys" in kept:
            raise ExitError(70, f"{secret} holds keys, but vault is not initialised: they are another Vault's")
        initializes = raft is None
        if raft is None:
            raft = servers.found([task.host])
        _configure_autopilot(task, raft, values)
    if initializes:
        shares = int(values["recovery_shares"])
        keys = json.dumps({"recovery_keys": [uuid.uuid4().hex for _ in range(shares)]})
        if not task.world.store_secret(secret, keys, task.parameters["Generation"]):
            raise ExitError(70, f"{secret} holds another Vault's keys of this generation")
    with task.world.changed:
        raft.state["unsealed"] = True
        task.world.settle()
        task.world.changed.notify_all()
    return {"changed": initializes}


def _configure_autopilot(task: Task, raft: Raft, values: dict[str, Any]) -> None:
    for write in values.get("writes", ()):
        if write["path"] == "sys/storage/raft/autopilot/configuration":
            body = write["body"]
            raft.minimum_quorum = int(body.get("min_quorum", 0))
            raft.cleans_up_dead_servers = bool(body.get("cleanup_dead_servers", False))
            seconds = float(str(body.get("server_stabilization_time", "10s")).removesuffix("s"))
            raft.stabilization_seconds = seconds * task.world.time_scale


def _bootstrap_acl(task: Task, management_secret: str) -> bool:
    """True where this call did it. Another token than ours in the cluster is somebody else's bootstrap."""
    token = task.require_secret(management_secret)
    with task.world.changed:
        servers = task.world.servers[task.component]

        def obstacle() -> str | None:
            raft = servers.cluster_of(task.host.instance_id)
            return None if raft is not None and raft.leader is not None else f"{task.component} has no leader"

        task.wait_until(obstacle, PATIENCE_SECONDS)
        raft = servers.cluster_of(task.host.instance_id)
        assert raft is not None
        if raft.state.get("management_token", token) != token:
            raise ExitError(70, f"{task.component}'s ACLs were bootstrapped with a token that is not ours")
        changed = "management_token" not in raft.state
        raft.state["management_token"] = token
        task.world.changed.notify_all()
    return changed
