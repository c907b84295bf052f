"""Nomad's API as far as the documents go: tokens whose secret Nomad chooses, autopilot, one client node."""

from typing import Any
from uuid import uuid4

from tests.shell.stand_ins.product import Answer, Product

FORBIDDEN: Answer = (403, "Permission denied")


class Nomad(Product):
    token_header = "X-Nomad-Token"

    def __init__(self, *args: Any) -> None:
        self.leader = "127.0.0.1:4647"
        self.voters = {"127.0.0.1:4647": True}
        self.management: str | None = None
        self.policies: dict[str, dict[str, Any]] = {}
        self.tokens: dict[str, dict[str, Any]] = {}
        self.node = {
            "ID": "4c3a0b0e-0000-4000-8000-000000000001",
            "Status": "ready",
            "NodePool": "default",
            "SchedulingEligibility": "eligible",
            "DrainStrategy": None,
            "Drivers": {"docker": {"Healthy": True}, "java": {"Healthy": False}},
        }
        super().__init__(*args)

    def answer(self, method: str, path: str, query: dict[str, str], body: Any, token: str, certified: bool) -> Answer:
        manages = bool(token) and token == self.management
        own = next((entry for entry in self.tokens.values() if entry["SecretID"] == token), None)
        match [method, *path.split("/")]:
            case ["GET", "status", "leader"]:
                return 200, f'"{self.leader}"'
            case ["GET", "agent", "health"]:
                return 200, {"client": {"ok": True}}
            case ["PUT", "acl", "bootstrap"]:
                if self.management:
                    return 400, "ACL bootstrap already done (reset index: 7)"
                self.management = body["BootstrapSecret"]
                return 200, {"SecretID": self.management}
            case ["GET", "acl", "token", "self"]:
                return (200, {"Type": "management"} if manages else own) if manages or own else FORBIDDEN
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
            case ["GET", "operator", "autopilot", "health"] if own:
                servers = [
                    {"Name": address, "Address": address, "Leader": address == self.leader, "Voter": vote}
                    for address, vote in self.voters.items()
                ]
                return 429, {"Healthy": False, "Servers": servers}
            case ["GET", "agent", "self"] if own:
                return 200, {"stats": {"client": {"node_id": self.node["ID"]}}}
            case ["GET", "node", key] if own and key == self.node["ID"]:
                if self.node["DrainStrategy"] and ("GET", path) in self.requests[-3:-1]:
                    self.node["DrainStrategy"] = None  # the drain takes until it has been asked after once
                return 200, self.node
            case ["POST", "node", key, "drain"] if own and key == self.node["ID"]:
                self.node |= {"DrainStrategy": body["DrainSpec"], "SchedulingEligibility": "ineligible"}
                return 200, {}
        return FORBIDDEN
