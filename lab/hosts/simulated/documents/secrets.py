"""secrets: the cluster's keys and tokens exist before anything uses them; a second run finds the first one's."""

import base64
import json
import os
import uuid
from collections.abc import Callable
from typing import Any

from lab.hosts.simulated.host import ExitError
from lab.hosts.simulated.task import Task

RECOVERY_SECRET = "vault/recovery-keys"
PROBE_LABEL = "QUORATE_PROBE"


def consul(task: Task) -> dict[str, Any]:
    tokens = ("consul/management-token", "consul/agent-token-server", "consul/agent-token-client")
    return _ensure(task, {"consul/gossip-key": _keyring} | dict.fromkeys(tokens, _token))


def nomad(task: Task) -> dict[str, Any]:
    tokens = ("nomad/management-token", "nomad/consul-token-server", "nomad/consul-token-client")
    return _ensure(task, {"nomad/gossip-key": _keyring} | dict.fromkeys(tokens, _token))


def vault_init(task: Task) -> dict[str, Any]:
    """A write test of the place that will keep the recovery keys; keys that are there stay."""
    task.require("Generation")
    generation = task.parameters["Generation"]
    kept = read_recovery_keys(task, RECOVERY_SECRET)
    if kept is None:
        probe = json.dumps({"probe": f"generation {generation}"})
        if not task.world.store_secret(task.secret_name(RECOVERY_SECRET), probe, generation, PROBE_LABEL):
            raise ExitError(70, "the key store holds another probe of this generation")
        return {"key_store": "writable"}
    if str(kept["generation"]) != generation:
        raise ExitError(
            70,
            f"recovery keys of generation {kept['generation']} are stored: move them away before generation "
            f"{generation} forms a Vault",
        )
    return {"key_store": "in use"}


def read_recovery_keys(task: Task, name: str) -> dict[str, Any] | None:
    """What is stored, or None; a probe, which may be a secret's first version and so its current one, has no keys."""
    stored = json.loads(task.world.secret(task.host, task.secret_name(name)) or "{}")
    return stored if "recovery_keys" in stored else None


def _ensure(task: Task, makers: dict[str, Callable[[], str]]) -> dict[str, Any]:
    task.require("Generation", "SecretsPrefix")
    made = 0
    for name, maker in makers.items():
        secret = task.secret_name(name)
        if task.world.secret(task.host, secret) is None:
            made += task.world.store_secret(secret, maker(), task.parameters["Generation"])
    return {"made": made}


def _token() -> str:
    return str(uuid.uuid4())


def make_key() -> str:
    return base64.b64encode(os.urandom(32)).decode()


def _keyring() -> str:
    return json.dumps({"rotation": 0, "keys": [make_key()]})
