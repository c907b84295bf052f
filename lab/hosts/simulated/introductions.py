"""Nomad's client introduction: whom its servers let in as a client, and what a server said of one that is new."""

import time
import uuid
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass

from lab.hosts.simulated.host import Host
from lab.hosts.simulated.raft import Raft

FILE = "/var/lib/nomad/client/intro_token.jwt"


@dataclass(frozen=True)
class Introduction:
    """`token` is the secret; `sealed` stands for it encrypted to `recipient`, and tells nothing of it."""

    token: str
    sealed: str
    recipient: str
    node_name: str
    node_pool: str
    cluster_id: str
    """Of the servers whose key signed it."""
    ends_at: float


class Introductions:
    """All that were made; called with the world's lock held."""

    def __init__(self, hosts: dict[str, Host], time_scale: float) -> None:
        self._hosts, self._time_scale = hosts, time_scale
        self._made: list[Introduction] = []

    def make(self, raft: Raft, node_name: str, node_pool: str, recipient: str, seconds: float) -> Introduction:
        opaque = b64encode(uuid.uuid4().bytes * 16).decode()
        token = f"introduction.{uuid.uuid4().hex}{uuid.uuid4().hex}.signed"
        ends_at = time.monotonic() + seconds * max(self._time_scale, 0.1)
        made = Introduction(token, opaque, recipient, node_name, node_pool, raft.cluster_id, ends_at)
        self._made.append(made)
        return made

    def opened(self, sealed: str, own_name: str) -> Introduction | None:
        """By the node of that name; None where it is sealed to another, or by nobody."""
        return next((one for one in self._made if one.sealed == sealed and one.recipient == own_name), None)

    def tokens(self) -> Iterator[str]:
        return (one.token for one in self._made)

    def register(self, host: Host, raft: Raft) -> bool:
        """Whether the leader lets the host in as a client: one that is listed, that has an identity of these servers
        from before, or that is introduced by the name and for the pool that it comes with."""
        known = host.instance_id in raft.clients or raft.cluster_id in host.identities
        if not known and self._is_strict(raft) and not self._is_introduced(host, raft):
            return False
        raft.clients.add(host.instance_id)
        host.identities.add(raft.cluster_id)
        return True

    def _is_strict(self, raft: Raft) -> bool:
        leader = self._hosts.get(raft.leader or "")
        return leader is not None and leader.setting("nomad", "enforcement") == "strict"

    def _is_introduced(self, host: Host, raft: Raft) -> bool:
        brought = host.files.get(FILE)
        return any(
            one.token == brought
            and one.node_name == host.instance_id
            and one.node_pool == host.setting("nomad", "node_pool")
            and one.cluster_id == raft.cluster_id
            and not self.has_ended(one)
            for one in self._made
        )

    def has_ended(self, introduction: Introduction) -> bool:
        return time.monotonic() > introduction.ends_at
