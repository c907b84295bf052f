"""Vault as root. Formation leaves no root token behind, so one is made of the recovery keys, as people do who break the
glass (docs/break-glass.md), and revoked at the end. So the writers' KV engine, policy and token are made."""

import base64
import json
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from lab.writers.client import Client, RefusedError
from lambdas.domain import names

MOUNT = "writers"
TOKEN_TTL = "6h"
PATIENCE_SECONDS = 30.0

_POLICY = f'path "{MOUNT}/*" {{ capabilities = ["create", "read", "update", "list"] }}'

Ask = Callable[..., Any]
NewClient = Callable[[Mapping[str, str]], Client]


@contextmanager
def as_root(secrets_manager: Any, cluster: str, new_client: NewClient) -> Iterator[Ask]:
    """`new_client` gives a client of Vault that sends these headers. Raises RefusedError."""
    secret = f"{names.secrets_prefix(cluster)}vault/recovery-keys"
    kept = json.loads(secrets_manager.get_secret_value(SecretId=secret)["SecretString"])
    root_token = make_root_token(asking(new_client({})), kept)
    ask = asking(new_client({"X-Vault-Token": root_token}))
    try:
        yield ask
    finally:
        ask("POST", "auth/token/revoke-self")


def make_writers_token(secrets_manager: Any, cluster: str, new_client: NewClient) -> str:
    """See `as_root`."""
    with as_root(secrets_manager, cluster, new_client) as ask:
        if f"{MOUNT}/" not in ask("GET", "sys/mounts")["data"]:
            ask("POST", f"sys/mounts/{MOUNT}", {"type": "kv", "options": {"version": "2"}})
        ask("PUT", f"sys/policies/acl/{MOUNT}", {"policy": _POLICY})
        made = ask("POST", "auth/token/create-orphan", {"policies": [MOUNT], "ttl": TOKEN_TTL})
        _wait_for_engine(ask)
    return str(made["auth"]["client_token"])


def asking(client: Client) -> Ask:
    def ask(method: str, path: str, body: Any = None) -> Any:
        return client.request(method, path, None if body is None else json.dumps(body).encode())[0]

    return ask


def make_root_token(ask: Ask, kept: Mapping[str, Any]) -> str:
    """Vault hands it out under a one-time pad that it told before."""
    ask("DELETE", "sys/generate-root/attempt")
    begun = ask("PUT", "sys/generate-root/attempt", {})
    answer: Mapping[str, Any] = {}
    for key in kept["recovery_keys"][: kept["recovery_threshold"]]:
        answer = ask("PUT", "sys/generate-root/update", {"key": key, "nonce": begun["nonce"]})
    encoded = str(answer["encoded_token"])
    padded = base64.b64decode(encoded + "=" * (-len(encoded) % 4))  # Vault leaves base64's own padding out
    return bytes(one ^ other for one, other in zip(padded, begun["otp"].encode(), strict=True)).decode()


def _wait_for_engine(ask: Ask) -> None:
    """A new engine of version 2 refuses writes for a moment: "Upgrading from non-versioned to versioned data"."""
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while True:
        try:
            ask("POST", f"{MOUNT}/data/first", {"data": {"value": "first"}})
        except RefusedError:
            if time.monotonic() >= ends_at:
                raise
        else:
            return
