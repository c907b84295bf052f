"""bootstrap: the cluster's first state, made once and recognised when it is there."""

import json
import uuid
from collections.abc import Mapping
from typing import Any

from lab.hosts.simulated.documents.configure import file_set
from lab.hosts.simulated.documents.secrets import (
    RECOVERY_SECRET,
    UNFINISHED_LABEL,
    kept_mark,
    keys_kept,
    stored_by,
    try_key_store,
)
from lab.hosts.simulated.documents.unseal import unseal
from lab.hosts.simulated.host import ExitError, Host
from lab.hosts.simulated.raft import Raft
from lab.hosts.simulated.task import Task

PATIENCE_SECONDS = 120


def consul(task: Task) -> dict[str, Any]:
    _, values = file_set(task)
    bootstrapped = _bootstrap_acl(task, values["management_secret"])
    for token in values.get("tokens", ()):
        task.require_secret(token["secret"])
    return {"bootstrapped": bootstrapped, "written": _write(task, values, ("policies", "tokens"))}


def nomad(task: Task) -> dict[str, Any]:
    _, values = file_set(task)
    task.require_secret(values["consul"]["management_secret"])
    bootstrapped = _bootstrap_acl(task, values["management_secret"])
    for token in values.get("tokens", ()):
        name = task.secret_name(token["secret"])
        if task.world.secret(task.host, name) is None:
            task.world.store_secret(name, str(uuid.uuid4()), task.parameters["Generation"])
    return {"bootstrapped": bootstrapped, "written": _write(task, values, ("policies", "tokens"))}


def vault(task: Task) -> dict[str, Any]:
    """Make Vault on this host, alone, once in the cluster's life. It goes among the others when its keys are kept."""
    task.require("Generation", "SecretsPrefix")
    _, values = file_set(task)
    kept = keys_kept(task)
    made = kept == "none" and _make_alone(task, values)
    if kept == "sibling" and task.host.waits_for_shares("vault"):
        unseal(task)
    with task.world.changed:
        servers = task.world.servers["vault"]
        if (made or kept == "ours") and servers.cluster_of(task.host.instance_id) is None:
            servers.sealed.discard(task.host.instance_id)  # it has its keys in hand
            servers.found([task.host])
        _configure_autopilot(task, _wait_for_vault(task), values)
        task.world.settle()
        task.world.changed.notify_all()
    return {"initialised": made, "root_token": "revoked"}


def workloads(task: Task) -> dict[str, Any]:
    """Vault takes Nomad's keys when it is made, and Nomad has a leader who signs with them. Where the two are apart,
    Consul's DNS finds a server of Nomad: in this model, any to which there is a way."""
    _, values = file_set(task)
    vault, nomad = task.world.servers["vault"], task.world.servers["nomad"]

    def obstacle() -> str | None:
        if vault.cluster_of(task.host.instance_id) is None:
            return "Vault is not initialised"
        return None if any(map(answers, nomad.living)) else "Nomad's keys do not answer"

    def answers(server: Host) -> bool:
        raft = nomad.cluster_of(server.instance_id) if server.partition == task.host.partition else None
        return raft is not None and raft.leader_seen_by(server.instance_id) is not None

    with task.world.changed:
        task.wait_until(obstacle, PATIENCE_SECONDS)
    return {"written": len(values["writes"])}


def _make_alone(task: Task, values: dict[str, Any]) -> bool:
    """False where another server of this generation has kept its keys meanwhile."""
    servers, generation = task.world.servers["vault"], task.parameters["Generation"]
    if task.host not in servers.living:
        raise ExitError(75, "vault does not answer")
    if servers.cluster_of(task.host.instance_id) is not None:
        raise ExitError(70, f"Vault is initialised on this server, and not by generation {generation}")
    try_key_store(task)
    document = {
        "cluster": task.parameters["Cluster"],
        "generation": int(generation),
        "recovery_threshold": values["threshold"],
        "recovery_keys": [uuid.uuid4().hex for _ in range(_shares(values["initialise"]))],
    }
    name, keys = task.secret_name(RECOVERY_SECRET), json.dumps(document)
    task.world.store_version(name, keys, f"{name} {uuid.uuid4()}", UNFINISHED_LABEL)
    if keys_kept(task) != "none":
        return False
    return task.world.store_version(name, keys, kept_mark(name, generation), "AWSCURRENT", stored_by(task))


def _shares(initialise: Mapping[str, Any]) -> int:
    """`secret_shares` or `recovery_shares`, as the seal wants it."""
    return next(int(value) for name, value in initialise.items() if name.endswith("_shares"))


def _wait_for_vault(task: Task) -> Raft:
    """There are keys, so there is a Vault: this node has it or joins it, and never makes a second one."""
    servers = task.world.servers["vault"]

    def obstacle() -> str | None:
        return None if servers.cluster_of(task.host.instance_id) else "vault is not initialised and joins none"

    try:
        task.wait_until(obstacle, PATIENCE_SECONDS)
    except ExitError as error:
        raise ExitError(70, f"recovery keys are kept, but {error.reason}: the keys are never written over") from error
    raft = servers.cluster_of(task.host.instance_id)
    assert raft is not None
    return raft


def _write(task: Task, values: dict[str, Any], kinds: tuple[str, ...]) -> int:
    """How many objects the cluster did not have yet."""
    written = 0
    with task.world.lock:
        raft = task.world.servers[task.component].cluster_of(task.host.instance_id)
        assert raft is not None
        for kind in kinds:
            given = len(values.get(kind, ()))
            written += given - raft.state.get(kind, 0)
            raft.state[kind] = given
    return written


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
            led = raft is not None and raft.leader_seen_by(task.host.instance_id) is not None
            return None if led else f"{task.component} has no leader"

        task.wait_until(obstacle, PATIENCE_SECONDS)
        raft = servers.cluster_of(task.host.instance_id)
        assert raft is not None
        if raft.state.get("management_token", token) != token:
            raise ExitError(70, f"{task.component}'s ACLs were bootstrapped with a token that is not ours")
        changed = "management_token" not in raft.state
        raft.state["management_token"] = token
        task.world.changed.notify_all()
    return changed
