"""Vault's API as far as the documents go: sealed until initialised, a root token that is used and revoked. What it is
ends with its storage on the node's disk."""

import base64
import secrets
from pathlib import Path
from typing import Any

from tests.shell.stand_ins.product import Answer, Product

FORBIDDEN: Answer = (403, {"errors": ["permission denied"]})


def _nothing_mounted() -> dict[str, dict[str, Any]]:
    return {"audit": {}, "auth": {"token/": {}}, "mounts": {}}


def accessor_of(mount: str) -> str:
    return f"accessor_{mount.rstrip('/')}_0a1b2c3d"


class Vault(Product):
    token_header = "X-Vault-Token"

    def __init__(self, *args: Any, storage: Path) -> None:
        self._storage = storage / "vault.db"
        self.recovery_keys: list[str] = []
        self.roots: set[str] = set()
        """Root tokens that live."""
        self.every_root: set[str] = set()
        self.mounted = _nothing_mounted()
        self.written: dict[str, Any] = {}
        self.keys_answer = True
        """Whether Nomad does, where Vault looks for the keys of workload identities as soon as it is told of them."""
        self.sealed = False
        self.by_shares = False
        """Whether key shares unseal it, and not KMS."""
        self._given: set[str] = set()
        self.servers = [{"node_id": "i-0", "address": "127.0.0.1:8201", "leader": True, "voter": True}]
        self.unhealthy: set[str] = set()
        self.autopilot_knows = True
        super().__init__(*args)

    def answer(self, method: str, path: str, query: dict[str, str], body: Any, token: str, certified: bool) -> Answer:
        is_root = token in self.roots
        is_server = token == "batch" and "auth/cert/certs/quorate-server" in self.written
        match [method, *path.split("/")]:
            case ["GET", "sys", "init"]:
                return 200, {"initialized": self.initialised}
            case ["GET", "sys", "seal-status"]:
                seal = {"type": "shamir" if self.by_shares else "awskms", "initialized": self.initialised}
                if self.sealed or not self.initialised:
                    return 200, seal | {"sealed": True}
                return 200, seal | {"sealed": False, "cluster_id": "7a017000-0000-4000-8000-000000000001"}
            case ["PUT", "sys", "unseal"]:
                return self._unseal(body)
            case ["PUT", "sys", "init"]:
                return self._initialise(body)
            case _ if self.sealed:
                return 503, {"errors": ["Vault is sealed"]}
            case ["GET", "sys", "health"]:
                return (200 if self.initialised else 501), {}
            case ["POST", "auth", "cert", "login"]:
                return (200, {"auth": {"client_token": "batch"}}) if certified else FORBIDDEN
            case ["POST", "auth", "jwt-nomad", "config"] if is_server:
                if not self.keys_answer:
                    return 400, {"errors": [f"error checking jwks URL {body['jwks_url']}"]}
                self.written[path] = body
                return 204, ""
            case ["GET", "sys", "storage", "raft", "configuration"] if is_server or is_root:
                return 200, {"data": {"config": {"servers": self.servers}}}
            case ["GET", "sys", "storage", "raft", "autopilot", "state"] if is_server:
                known = [server["node_id"] for server in self.servers] if self.autopilot_knows else []
                health = {one: {"id": one, "name": one, "healthy": one not in self.unhealthy} for one in known}
                return 200, {"data": {"healthy": not self.unhealthy, "servers": health or None}}
            case ["PUT", "sys", "step-down"] if is_server:
                [old] = [server for server in self.servers if server["leader"]]
                new = next((server for server in self.servers if server["voter"] and server is not old), old)
                old["leader"] = False
                new["leader"] = True
                return 204, ""
            case ["POST", "sys", "storage", "raft", "remove-peer"] if is_server:
                self.servers = [server for server in self.servers if server["node_id"] != body["server_id"]]
                return 204, ""
            case _ if not is_root:
                return FORBIDDEN
            case ["GET", "sys", "audit" | "auth" | "mounts" as kind]:
                mounted = {name: {**body, "accessor": accessor_of(name)} for name, body in self.mounted[kind].items()}
                return 200, {"data": mounted}
            case ["PUT" | "POST", "sys", "audit" | "auth" | "mounts" as kind, name]:
                if f"{name}/" in self.mounted[kind]:
                    return 400, {"errors": [f"path is already in use at {name}/"]}
                self.mounted[kind][f"{name}/"] = body
                return 204, ""
            case ["POST", "auth", "token", "revoke-self"]:
                self.roots.remove(token)
                return 204, ""
            case ["PUT" | "POST", *_]:
                self.written[path] = body
                return 204, ""
        return 404, {"errors": []}

    @property
    def initialised(self) -> bool:
        return self._storage.exists()

    @initialised.setter
    def initialised(self, value: bool) -> None:
        self._storage.parent.mkdir(parents=True, exist_ok=True)
        if value:
            self._storage.touch()
        else:
            self._storage.unlink(missing_ok=True)

    def _unseal(self, body: dict[str, Any]) -> Answer:
        if not self.initialised or body.get("key") not in (None, *self.recovery_keys):
            return 400, {"errors": ["unsealing failed"]}
        self._given = self._given | {body["key"]} if "key" in body else set()
        if len(self._given) == 3:
            self.sealed, self._given = False, set()
        return 200, {"sealed": self.sealed}

    def _initialise(self, body: dict[str, int]) -> Answer:
        if self.initialised:
            return 400, {"errors": ["Vault is already initialized"]}
        self.initialised = True
        self.mounted, self.written = _nothing_mounted(), {}
        count = body["secret_shares" if self.by_shares else "recovery_shares"]
        self.sealed = self.by_shares
        self.recovery_keys = [base64.b64encode(secrets.token_bytes(33)).decode() for _ in range(count)]
        token = "hvs." + secrets.token_urlsafe(18)
        self.roots = {token}
        self.every_root.add(token)
        return 200, {
            "keys_base64" if self.by_shares else "recovery_keys_base64": self.recovery_keys,
            "root_token": token,
        }
