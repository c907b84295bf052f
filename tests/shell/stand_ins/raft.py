"""Raft as Consul and Nomad tell it: the configuration, and autopilot's word on each server in it."""

from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_OID, uuid5


@dataclass
class Server:
    name: str
    address: str
    voter: bool = True
    healthy: bool = True
    gossip: str = "alive"
    """`alive`, `failed`, `left`; empty where gossip has forgotten it."""
    lives: bool = True
    """Whether it is really there, whatever gossip holds it for."""

    @property
    def raft_id(self) -> str:
        return str(uuid5(NAMESPACE_OID, self.name))


class Raft:
    def __init__(self, *servers: Server) -> None:
        self.peers = list(servers)
        self.members = list(servers)
        self.leader: Server | None = servers[0]
        self.autopilot_knows = True

    def find(self, raft_id: str) -> Server | None:
        return next((server for server in self.peers if server.raft_id == raft_id), None)

    def configuration(self) -> tuple[int, Any]:
        if self.leader is None:
            return 500, "No cluster leader"
        by_address = {server.address: server.name for server in self.members if server.gossip}
        return 200, {
            "Servers": [
                {
                    "ID": server.raft_id,
                    "Node": by_address.get(server.address, "(unknown)"),
                    "Address": server.address,
                    "Leader": server is self.leader,
                    "Voter": server.voter,
                }
                for server in self.peers
            ]
        }

    def health(self) -> tuple[int, Any]:
        """A leader that has just been elected knows nothing yet, and says so with a 429 and no servers."""
        if self.leader is None:
            return 500, "No cluster leader"
        if not self.autopilot_knows:
            return 429, {"Healthy": False, "FailureTolerance": 0, "Servers": None}
        servers = [
            {
                "ID": server.raft_id,
                "Name": server.name if server.gossip else "",
                "Address": server.address,
                "SerfStatus": server.gossip or "left",
                "Leader": server is self.leader,
                "Voter": server.voter,
                "Healthy": server.healthy,
            }
            for server in self.peers
        ]
        healthy = all(server.healthy for server in self.peers)
        return 200 if healthy else 429, {"Healthy": healthy, "Servers": servers}

    def transfer(self, raft_id: str) -> bool:
        if self.leader is None or (target := self.find(raft_id)) is None:
            return False
        self.leader = target
        return True

    def remove(self, raft_id: str) -> bool:
        if self.leader is None or (target := self.find(raft_id)) is None:
            return False
        self.peers.remove(target)
        return True

    def forget(self, name: str) -> None:
        """`force-leave` with `prune`: one that lives refutes it and stays."""
        self.members = [one for one in self.members if one.name != name or one.lives]
