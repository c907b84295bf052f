"""Vault's API as far as the documents go: sealed until initialised, root tokens that are made, used and revoked."""

import base64
import secrets
from typing import Any

from tests.shell.stand_ins.product import Answer, Product

FORBIDDEN: Answer = (403, {"errors": ["permission denied"]})


class Vault(Product):
    token_header = "X-Vault-Token"

    def __init__(self, *args: Any) -> None:
        self.initialised = False
        self.recovery_keys: list[str] = []
        self.roots: dict[str, str] = {}
        """Root tokens that live, with their accessors."""
        self.every_root: set[str] = set()
        self.mounted: dict[str, dict[str, Any]] = {"audit": {}, "auth": {"token/": {}}}
        self.written: dict[str, Any] = {}
        self.sealed = False
        self.servers = [{"node_id": "i-0", "address": "127.0.0.1:8201", "leader": True, "voter": True}]
        self.unhealthy: set[str] = set()
        self.autopilot_knows = True
        self._attempt: dict[str, Any] | None = None
        super().__init__(*args)

    def answer(self, method: str, path: str, query: dict[str, str], body: Any, token: str, certified: bool) -> Answer:
        is_root = token in self.roots
        is_server = token == "batch" and "auth/cert/certs/quorate-server" in self.written
        match [method, *path.split("/")]:
            case ["GET", "sys", "init"]:
                return 200, {"initialized": self.initialised}
            case ["GET", "sys", "seal-status"]:
                if self.sealed or not self.initialised:
                    return 200, {"initialized": self.initialised, "sealed": True}
                return 200, {"initialized": True, "sealed": False, "cluster_id": "7a017000-0000-4000-8000-000000000001"}
            case _ if self.sealed:
                return 503, {"errors": ["Vault is sealed"]}
            case ["GET", "sys", "health"]:
                return (200 if self.initialised else 501), {}
            case ["PUT", "sys", "init"]:
                return self._initialise(body)
            case ["DELETE", "sys", "generate-root", "attempt"]:
                self._attempt = None
                return 204, ""
            case ["PUT", "sys", "generate-root", "attempt"]:
                if self._attempt:
                    return 400, {"errors": ["root generation already in progress"]}
                self._attempt = {"nonce": secrets.token_hex(8), "otp": secrets.token_urlsafe(30)[:28], "keys": set()}
                return 200, {name: self._attempt[name] for name in ("nonce", "otp")}
            case ["PUT", "sys", "generate-root", "update"]:
                return self._update(body)
            case ["POST", "auth", "cert", "login"]:
                return (200, {"auth": {"client_token": "batch"}}) if certified else FORBIDDEN
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
            case ["GET", "sys", "audit" | "auth" as kind]:
                return 200, {"data": self.mounted[kind]}
            case ["PUT" | "POST", "sys", "audit" | "auth" as kind, name]:
                if f"{name}/" in self.mounted[kind]:
                    return 400, {"errors": [f"path is already in use at {name}/"]}
                self.mounted[kind][f"{name}/"] = body
                return 204, ""
            case ["GET", "auth", "token", "lookup-self"]:
                return 200, {"data": {"accessor": self.roots[token]}}
            case ["LIST", "auth", "token", "accessors"]:
                return 200, {"data": {"keys": sorted(self.roots.values())}}
            case ["POST", "auth", "token", "lookup-accessor"]:
                return 200, {"data": {"policies": ["root"]}}
            case ["POST", "auth", "token", "revoke-accessor"]:
                self.roots = {key: value for key, value in self.roots.items() if value != body["accessor"]}
                return 204, ""
            case ["POST", "auth", "token", "revoke-self"]:
                del self.roots[token]
                return 204, ""
            case ["PUT" | "POST", *_]:
                self.written[path] = body
                return 204, ""
        return 404, {"errors": []}

    def _initialise(self, body: dict[str, int]) -> Answer:
        if self.initialised:
            return 400, {"errors": ["Vault is already initialized"]}
        self.initialised = True
        count = body["recovery_shares"]
        self.recovery_keys = [base64.b64encode(secrets.token_bytes(33)).decode() for _ in range(count)]
        return 200, {"recovery_keys_base64": self.recovery_keys, "root_token": self._make_root()}

    def _make_root(self) -> str:
        token = "hvs." + secrets.token_urlsafe(18)
        self.roots[token] = secrets.token_hex(8)
        self.every_root.add(token)
        return token

    def _update(self, body: dict[str, str]) -> Answer:
        attempt = self._attempt
        if not attempt or body["nonce"] != attempt["nonce"] or body["key"] not in self.recovery_keys:
            return 400, {"errors": ["root generation failed"]}
        attempt["keys"].add(body["key"])
        if len(attempt["keys"]) < 3:
            return 200, {"complete": False}
        self._attempt = None
        token = self._make_root().encode()
        padded = bytes(left ^ right for left, right in zip(token, attempt["otp"].encode(), strict=True))
        return 200, {"complete": True, "encoded_token": base64.b64encode(padded).decode().rstrip("=")}
