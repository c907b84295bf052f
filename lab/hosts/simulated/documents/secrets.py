"""secrets: the cluster's keys and tokens exist before anything uses them; a second run finds the first one's."""

import base64
import json
import os
import uuid
from collections.abc import Callable
from typing import Any

from lab.hosts.simulated.host import ExitError
from lab.hosts.simulated.task import Task
from lab.hosts.simulated.world import write_token
from lambdas.domain.names import PROBE_LABEL

RECOVERY_SECRET = "vault/recovery-keys"
UNFINISHED_LABEL = "QUORATE_UNFINISHED"


def consul(task: Task) -> dict[str, Any]:
    tokens = ("consul/management-token", "consul/agent-token-server", "consul/agent-token-client")
    return _ensure(task, {"consul/gossip-key": _keyring} | dict.fromkeys(tokens, _token))


def nomad(task: Task) -> dict[str, Any]:
    tokens = ("nomad/management-token", "nomad/consul-token-server", "nomad/consul-token-client")
    return _ensure(task, {"nomad/gossip-key": _keyring} | dict.fromkeys(tokens, _token))


def vault_init(task: Task) -> dict[str, Any]:
    """A write test of the place that will keep the keys; keys that are there stay."""
    task.require("Generation")
    if keys_kept(task) == "none":
        try_key_store(task)
        return {"key_store": "writable"}
    return {"key_store": "in use"}


def keys_kept(task: Task) -> str:
    """Whose keys are kept: `none`, or `ours` and `sibling` by the server that stored them in this generation. A server
    sees that by the version's id and labels, and reads no key."""
    name, generation = task.secret_name(RECOVERY_SECRET), task.parameters["Generation"]
    version, labels = task.world.version_of(name)
    if version in ("", write_token(_probe(name))):
        return "none"
    if version != write_token(kept_mark(name, generation)):
        raise ExitError(
            70,
            f"secret {RECOVERY_SECRET} has keys that generation {generation} did not store: they are never written "
            "over; move them away before this generation forms a Vault",
        )
    return "ours" if stored_by(task) in labels else "sibling"


def stored_by(task: Task) -> str:
    return f"QUORATE_STORED_BY_{task.host.instance_id}"


def try_key_store(task: Task) -> None:
    name = task.secret_name(RECOVERY_SECRET)
    probe = json.dumps({"probe": "no keys"})
    if not task.world.store_version(name, probe, _probe(name), PROBE_LABEL):
        raise ExitError(70, "the key store holds another probe")
    if task.world.secret(task.host, name, PROBE_LABEL) != probe:
        raise ExitError(70, "the key store does not return what was written to it")


def _probe(name: str) -> str:
    """The same in every generation: that is how a version without keys is known."""
    return f"{name} {PROBE_LABEL}"


def kept_mark(name: str, generation: str) -> str:
    return f"{name} AWSCURRENT generation {generation}"


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
