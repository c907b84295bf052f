"""What has to hold for a change of membership, seen by the node just before it makes it; ssm_documents/lib/quorum.sh.

Where it does not hold nothing is changed, and the reason is the result. The lease is read from DynamoDB for real, and
its time is real: `time_scale` shortens what the lab waits, never how long a lease lasts.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from lab.hosts.simulated.host import ExitError
from lab.hosts.simulated.raft import Raft
from lab.hosts.simulated.servers import Servers
from lab.hosts.simulated.task import Task
from lab.hosts.simulated.world import Change

CHANGE_SECONDS = 60

SERVER = ("Fencing", "LeaseTable", "PeerId", "Subject", "FewestVoters", "SpareVoters")


class RefusedError(Exception):
    """Nothing is changed, for this reason: no failure."""


def changed(reason: str) -> dict[str, Any]:
    return {"changed": True, "reason": reason}


def refused(reason: str) -> dict[str, Any]:
    return {"changed": False, "reason": reason}


def require_lease(task: Task) -> None:
    """Called without the world's lock: it asks AWS."""
    fencing = task.parameters["Fencing"]
    if not fencing.isdigit():
        raise ExitError(64, f"parameter Fencing is '{fencing}': a server's change needs a number")
    key = {"pk": {"S": "lease"}, "sk": {"S": "membership"}}
    try:
        found = task.world.client("dynamodb").get_item(
            TableName=task.parameters["LeaseTable"], ConsistentRead=True, Key=key
        )
    except ClientError as error:
        raise ExitError(75, f"reading the membership lease answered {error.response['Error']['Code']}") from error
    item = found.get("Item", {})
    number, held_until = item.get("fencing", {}).get("N", "0"), float(item.get("held_until", {}).get("N", "0"))
    left = int(held_until) - int(time.time())
    if int(number) != int(fencing):
        raise RefusedError(f"this command is of turn {fencing} of the membership lease, which is at {number}")
    if not item.get("owner", {}).get("S"):
        raise RefusedError(f"turn {fencing} of the membership lease is over")
    if left < CHANGE_SECONDS:
        raise RefusedError(f"the membership lease has {left} s left, and a change takes up to {CHANGE_SECONDS}")


@dataclass(frozen=True)
class Membership:
    """A product's membership as the server that runs the task sees it. Used with the world's lock held."""

    task: Task
    servers: Servers
    raft: Raft

    @property
    def product(self) -> str:
        return self.task.component

    @property
    def peer_id(self) -> str:
        return self.task.parameters["PeerId"]

    @property
    def peer(self) -> str | None:
        """The server of this command; None where it is none any more."""
        return self.servers.server_of(self.peer_id, self.raft)

    @property
    def leads(self) -> bool:
        return self.peer is not None and self.peer == self.raft.leader

    @property
    def lives(self) -> bool:
        return self.peer is not None and self.raft.healthy(self.peer)

    def require_own_peer(self) -> None:
        own = self.servers.raft_id(self.task.host.instance_id)
        if own != self.peer_id:
            raise RefusedError(f"this server is {own}, not {self.peer_id}")

    def change(self, server: str, how: Callable[[], None]) -> None:
        """Make a change that concerns this server's membership, and keep what it did to the cluster."""
        how()
        task = self.task
        fencing, host = int(task.parameters["Fencing"]), task.host.instance_id
        led = self.raft.leader is not None
        task.world.changes.append(Change(time.time(), self.product, task.phase, server, host, fencing, led))

    def require_quorum(self) -> None:
        """After the peer has gone. A non-voter may always go."""
        peer = self.peer
        if peer is not None and not self.raft.is_voter(peer):
            return
        after = [server for server in self.raft.voters if server != peer]
        healthy = sum(self.raft.healthy(server) for server in after)
        fewest, spare = (int(self.task.parameters[name]) for name in ("FewestVoters", "SpareVoters"))
        needed = len(after) // 2 + 1 + spare
        if len(after) < fewest:
            raise RefusedError(f"{len(after)} voters would remain, and {fewest} have to")
        if healthy < needed:
            raise RefusedError(f"{healthy} of the {len(after)} voters that remain are healthy, {needed} have to be")


def require_membership(task: Task) -> Membership:
    """Called with the world's lock held."""
    task.world.settle()
    servers, instance_id = task.world.servers[task.component], task.host.instance_id
    why = obstacle(task, task.component)
    raft = servers.cluster_of(instance_id)
    if why is not None or raft is None:
        raise RefusedError(f"the membership is unknown: {why}")
    return Membership(task, servers, raft)


def obstacle(task: Task, product: str) -> str | None:
    """Why this server cannot tell the membership; None where it can."""
    instance_id = task.host.instance_id
    servers = task.world.servers[product]
    raft = servers.cluster_of(instance_id)
    if not servers.alive(instance_id):
        return f"{product} does not run here"
    if instance_id in servers.sealed:
        return f"{product} is sealed"
    if raft is None:
        return f"{product} is in no cluster"
    if raft.leader_seen_by(instance_id) is None:
        return f"{product} answered 500: No cluster leader"
    return None
