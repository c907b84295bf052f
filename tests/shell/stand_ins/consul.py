"""Consul's API as far as the documents go: default deny, ACL objects with ids of Consul's own, Raft, one agent."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

from tests.shell.stand_ins.gossip import Gossip
from tests.shell.stand_ins.product import Answer, Product
from tests.shell.stand_ins.raft import Raft, Server

FORBIDDEN: Answer = (403, "Permission denied: token with AccessorID '00000000' lacks permission")
KINDS = {"policy": "ID", "role": "ID", "token": "AccessorID", "auth-method": "Name", "binding-rule": "ID"}


class Consul(Product):
    token_header = "X-Consul-Token"

    def __init__(self, *args: Any) -> None:
        self.raft = Raft(Server("i-0", "127.0.0.1:8300"))
        self.gossip = Gossip("i-0")
        self.cluster_id: str | None = "c0750100-0000-4000-8000-000000000001"
        self.server_token = ""
        """Of the servers' agents: `operator` and `agent` write."""
        self.health = "passing"
        self.management: str | None = None
        self.agent_tokens: set[str] = set()
        self.objects: dict[str, dict[str, dict[str, Any]]] = {kind: {} for kind in KINDS}
        self.on_leave: Callable[[], None] = lambda: None
        super().__init__(*args)

    def answer(self, method: str, path: str, query: dict[str, str], body: Any, token: str, certified: bool) -> Answer:
        match [method, *path.split("/")]:
            case ["GET", "status", "leader"]:
                return 200, f'"{self.raft.leader.address if self.raft.leader else ""}"'
            case ["PUT", "acl", "bootstrap"]:
                return self._bootstrap(body)
            case ["GET", "acl", "token", "self"]:
                own = next((entry for entry in self.objects["token"].values() if entry.get("SecretID") == token), None)
                return (200, own or {}) if own or self._may_manage(token) else (403, "ACL not found")
            case ["GET", "acl", "tokens"] if self._may_manage(token):
                return 200, list(self.objects["token"].values())
            case ["DELETE", "acl", "token", key] if self._may_manage(token):
                return (200, True) if self.objects["token"].pop(key, None) else (404, "ACL not found")
            case ["GET", "acl", "binding-rules"] if self._may_manage(token):
                rules = self.objects["binding-rule"].values()
                return 200, [rule for rule in rules if rule["AuthMethod"] == query["authmethod"]]
            case ["GET", "acl", "policy" | "role" as kind, "name", name] if self._may_manage(token):
                found = [entry for entry in self.objects[kind].values() if entry["Name"] == name]
                return (200, found[0]) if found else (404, f"Requested {kind} does not exist: ACL not found")
            case ["GET", "acl", kind, key] if self._may_manage(token):
                entry = self.objects[kind].get(key)
                return (200, entry) if entry else (404, "ACL not found")
            case ["PUT", "acl", kind, *key] if self._may_manage(token):
                return self._write(kind, key[0] if key else None, body)
            case ["GET", "connect", "ca", "roots"]:
                made = self.cluster_id is not None and self.raft.leader
                return (200, {"TrustDomain": f"{self.cluster_id}.consul"}) if made else (500, "not initialized")
            case ["GET" | "PUT" | "POST" | "DELETE", "operator" | "agent", *rest] if token == self.server_token:
                return self._operate(method, path, query, body, rest)
            case ["GET", "agent", "self"] if self._may_read(token):
                return 200, {"Config": {"NodeName": "i-0"}}
            case ["GET", "health", "node", "i-0"] if self._may_read(token):
                return 200, [{"CheckID": "serfHealth", "Status": self.health}]
        return FORBIDDEN

    def _operate(self, method: str, path: str, query: dict[str, str], body: Any, rest: list[str]) -> Answer:
        """What the servers' token may. Everything goes to the leader, whichever server is asked."""
        own = self.raft.members[0]
        match [method, *path.split("/")]:
            case ["GET", "operator", "raft", "configuration"]:
                return self.raft.configuration()
            case ["GET", "operator", "autopilot", "health"]:
                return self.raft.health()
            case ["POST", "operator", "raft", "transfer-leader"]:
                return (200, {"Success": True}) if self.raft.transfer(query["id"]) else (500, "no such peer")
            case ["DELETE", "operator", "raft", "peer"]:
                removed = self.raft.remove(query["id"])
                return (200, "") if removed else (500, f'id "{query["id"]}" was not found in the Raft configuration')
            case ["GET", "agent", "self"]:
                return 200, {"Config": {"NodeName": own.name, "NodeID": own.raft_id}}
            case ["GET", "agent", "members"]:
                words = {"alive": 1, "left": 3, "failed": 4}
                return 200, [
                    {"Name": one.name, "Addr": one.address, "Tags": {"id": one.raft_id}, "Status": words[one.gossip]}
                    for one in self.raft.members
                    if one.gossip
                ]
            case ["PUT", "agent", "force-leave", name]:
                self.raft.forget(name)
                return 200, ""
            case ["GET", "operator", "keyring"]:
                keys, primaries, members = self.gossip.facts
                ring = {"WAN": False, "Keys": keys, "PrimaryKeys": primaries, "NumNodes": members}
                return (500, error) if (error := self.gossip.unheard()) else (200, [ring])
            case ["POST" | "PUT" | "DELETE", "operator", "keyring"]:
                verb = {"POST": "install", "PUT": "use", "DELETE": "remove"}[method]
                return (500, error) if (error := self.gossip.change(verb, body["Key"])) else (200, "")
            case ["PUT", "agent", "leave"]:
                self.raft.remove(own.raft_id)
                self.on_leave()
                return 200, ""
        return FORBIDDEN

    def _may_manage(self, token: str) -> bool:
        return bool(token) and token == self.management

    def _may_read(self, token: str) -> bool:
        made = {entry.get("SecretID") for entry in self.objects["token"].values()}
        return self._may_manage(token) or token in self.agent_tokens | made

    def _bootstrap(self, body: dict[str, str]) -> Answer:
        if self.management:
            return 403, "Permission denied: ACL bootstrap no longer allowed (reset index: 13)"
        self.management = body["BootstrapSecret"]
        return 200, {"SecretID": self.management}

    def _write(self, kind: str, key: str | None, body: dict[str, Any]) -> Answer:
        identity = KINDS[kind]
        if key is None:
            key = body.get(identity) or str(uuid4())
            named = kind in ("policy", "role") and body["Name"] in (e["Name"] for e in self.objects[kind].values())
            if named or (key in self.objects[kind] and kind != "auth-method"):  # which Consul overwrites
                return 500, "Invalid: already exists"
        elif key not in self.objects[kind]:
            return 404, "ACL not found"
        added: dict[str, Any] = {"CreateIndex": 1, "ModifyIndex": len(self.writes) + 1, "Hash": "x"}
        links = {
            name: [{"ID": str(uuid4()), **link} for link in links]
            for name, links in body.items()
            if name in ("Policies", "Roles")
        }
        if kind == "token" and "SecretID" not in body:
            added["SecretID"] = str(uuid4())
        self.objects[kind][key] = {**self.objects[kind].get(key, {}), **body, **links, **added, identity: key}
        return 200, self.objects[kind][key]
