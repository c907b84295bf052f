"""Nomad's API as far as the documents go: tokens whose secret Nomad chooses, autopilot, one client node."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from tests.shell.stand_ins.gossip import Gossip
from tests.shell.stand_ins.product import Answer, Product
from tests.shell.stand_ins.raft import Raft, Server

FORBIDDEN: Answer = (403, "Permission denied")


class Nomad(Product):
    token_header = "X-Nomad-Token"

    def __init__(self, *args: Any) -> None:
        self.raft = Raft(Server("i-0.global", "127.0.0.1:4647"))
        self.gossip = Gossip("i-0")
        self.management: str | None = None
        self.policies: dict[str, dict[str, Any]] = {}
        self.tokens: dict[str, dict[str, Any]] = {}
        self.node = {
            "ID": "4c3a0b0e-0000-4000-8000-000000000001",
            "Status": "ready",
            "NodePool": "default",
            "SchedulingEligibility": "eligible",
            "DrainStrategy": None,
            "LastDrain": None,
            "Drivers": {"docker": {"Healthy": True}, "java": {"Healthy": False}},
        }
        self.running = 2
        """Allocations on the node."""
        self.clients: dict[str, dict[str, Any]] = {}
        """Nodes that the servers list, by id."""
        self.introductions: list[str] = []
        """Tokens by which clients may register, as they were given out."""
        self.introductions_last_seconds = 600.0
        self.runs_here: Callable[[], bool] = lambda: True
        """Whether the node's own server still runs: one that has stopped refutes nothing in gossip."""
        super().__init__(*args)

    def answer(self, method: str, path: str, query: dict[str, str], body: Any, token: str, certified: bool) -> Answer:
        manages = bool(token) and token == self.management
        own = next((entry for entry in self.tokens.values() if entry["SecretID"] == token), None)
        manages = manages or (own or {}).get("Type") == "management"
        match [method, *path.split("/")]:
            case ["GET", "status", "leader"]:
                return 200, f'"{self.raft.leader.address if self.raft.leader else ""}"'
            case ["GET", "agent", "health"]:
                return 200, {"client": {"ok": True}}
            case ["PUT", "acl", "bootstrap"]:
                if self.management:
                    return 400, "ACL bootstrap already done (reset index: 7)"
                self.management = body["BootstrapSecret"]
                return 200, {"SecretID": self.management}
            case ["GET", "acl", "token", "self"]:
                return (200, own or {"Type": "management"}) if manages or own else FORBIDDEN
            case ["GET", "acl", "policy", name] if manages:
                return (200, self.policies[name]) if name in self.policies else (404, "ACL policy not found")
            case ["POST", "acl", "policy", name] if manages:
                self.policies[name] = {**body, "CreateIndex": 1}
                return 200, ""
            case ["GET", "acl", "tokens"] if manages:
                return 200, [{"AccessorID": key, "Name": entry["Name"]} for key, entry in self.tokens.items()]
            case ["PUT", "acl", "token"] if manages:
                made = {**body, "AccessorID": str(uuid4()), "SecretID": str(uuid4())}
                self.tokens[made["AccessorID"]] = made
                return 200, made
            case ["DELETE", "acl", "token", accessor] if manages:
                return (200, "") if self.tokens.pop(accessor, None) else (404, "ACL token not found")
            case ["POST", "acl", "identity", "client-introduction-token"] if self._writes_nodes(own):
                return 200, {"JWT": self.introduce(body)}
            case ["GET", "operator", "autopilot", "health"] if own:
                return self.raft.health()
            case ["GET", "agent", "self"] if own:
                member = {"Tags": {"id": self.raft.members[0].raft_id}}
                return 200, {"member": member, "stats": {"client": {"node_id": self.node["ID"]}}}
            case ["GET", "node", key] if own and key == self.node["ID"]:
                return 200, self.node
            case ["GET", "node", key, "allocations"] if manages and key == self.node["ID"]:
                states = ["running"] * self.running + ["complete", "failed", "lost"]
                return 200, [{"ClientStatus": state} for state in states]
            case ["POST", "node", key, "drain"] if manages and key == self.node["ID"]:
                drain = {"DrainStrategy": body["DrainSpec"], "LastDrain": {"Status": "draining"}}
                self.node |= {**drain, "SchedulingEligibility": "ineligible"}
                return 200, {}
            case _ if manages:
                return self._operate(method, path, query, body)
        return FORBIDDEN

    @staticmethod
    def _writes_nodes(own: dict[str, Any] | None) -> bool:
        return (own or {}).get("Policies") == ["quorate-introduction"]

    def introduce(self, body: dict[str, Any]) -> str:
        """Signed by nobody: what is in it is what the scripts may read."""
        now = int(time.time())
        subject = f"node-introduction:global:{body['NodePool']}:{body['NodeName']}:default"
        claims = {"sub": subject, "iat": now, "exp": now + int(self.introductions_last_seconds), "jti": str(uuid4())}
        parts = json.dumps({"alg": "RS256", "typ": "JWT"}), json.dumps(claims), "a signature of 2048 bits" * 11
        token = ".".join(base64.urlsafe_b64encode(part.encode()).decode().rstrip("=") for part in parts)
        self.introductions.append(token)
        return token

    def _operate(self, method: str, path: str, query: dict[str, str], body: Any) -> Answer:
        """What a management token may, and no policy can allow. Everything goes to the leader."""
        match [method, *path.split("/")]:
            case ["GET", "operator", "raft", "configuration"]:
                return self.raft.configuration()
            case ["PUT", "operator", "raft", "transfer-leadership"]:
                return (200, {"Noop": False}) if self.raft.transfer(query["id"]) else (400, "not found")
            case ["DELETE", "operator", "raft", "peer"]:
                removed = "address" not in query and self.raft.remove(query["id"])
                return (200, "") if removed else (500, "was not found in the Raft configuration")
            case ["GET", "agent", "members"]:
                return 200, {
                    "Members": [
                        {
                            "Name": one.name,
                            "Addr": one.address.split(":")[0],
                            "Tags": {"id": one.raft_id},
                            "Status": one.gossip,
                        }
                        for one in self.raft.members
                        if one.gossip
                    ]
                }
            case ["PUT", "agent", "force-leave"]:
                self._force_leave(query["node"])
                return 200, ""
            case ["GET", "agent", "keyring", "list"]:
                keys, _, members = self.gossip.facts
                told = {"Messages": {}, "Keys": keys, "NumNodes": members}
                return (500, error) if (error := self.gossip.unheard()) else (200, told)
            case ["PUT", "agent", "keyring", verb]:
                return (500, error) if (error := self.gossip.change(verb, body["Key"])) else (200, {})
            case ["GET", "nodes"]:
                wanted = query["filter"].removeprefix('Name == "').removesuffix('"')
                return 200, [{"ID": key, **one} for key, one in self.clients.items() if one["Name"] == wanted]
            case ["PUT", "node", key, "purge"]:
                return (200, {}) if self.clients.pop(key, None) else (500, "node not found")
        return FORBIDDEN

    def _force_leave(self, name: str) -> None:
        """The leader removes any peer that has the id OR the address of the member that left."""
        self.raft.members[0].lives = self.runs_here()
        gone = next((one for one in self.raft.members if one.name == name), None)
        self.raft.forget(name)
        if gone and gone not in self.raft.members:
            self.raft.peers = [
                one for one in self.raft.peers if one.raft_id != gone.raft_id and one.address != gone.address
            ]
