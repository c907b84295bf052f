"""secrets: the cluster's keys and tokens exist before anything uses them; a second run finds the first one's."""

import base64
import json
import os
import uuid
from collections.abc import Callable
from typing import Any

from lab.hosts.simulated.host import ExitError
from lab.hosts.simulated.task import Task


def consul(task: Task) -> dict[str, Any]:
    tokens = (
        "consul/management-token",
        "consul/agent-token-server",
        "consul/agent-token-client",
        "nomad/consul-token-server",
        "nomad/consul-token-client",
    )
    return _ensure(task, {"consul/gossip-key": _gossip_key} | dict.fromkeys(tokens, _token))


def nomad(task: Task) -> dict[str, Any]:
    return _ensure(task, {"nomad/gossip-key": _gossip_key, "nomad/management-token": _token})


def vault_init(task: Task) -> dict[str, Any]:
    """A write test of the place that will keep the recovery keys; keys that are there stay."""
    task.require("Generation")
    name = task.secret_name("vault/recovery-keys")
    if task.world.secret(name) is not None:
        return {"made": 0}
    written = json.dumps({"test": "written before Vault is initialised"})
    if not task.world.store_secret(name, written, f"{task.parameters['Generation']} write test"):
        raise ExitError(70, f"secret {name} cannot be written")
    return {"made": 1}


def _ensure(task: Task, makers: dict[str, Callable[[], str]]) -> dict[str, Any]:
    task.require("Generation", "SecretsPrefix")
    made = 0
    for name, maker in makers.items():
        secret = task.secret_name(name)
        if task.world.secret(secret) is None:
            made += task.world.store_secret(secret, maker(), task.parameters["Generation"])
    return {"made": made}


def _token() -> str:
    return str(uuid.uuid4())


def _gossip_key() -> str:
    return base64.b64encode(os.urandom(32)).decode()
