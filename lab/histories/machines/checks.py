"""What has to hold of a cluster that deeds befell: of each change that was made, and of the cluster at rest."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from lab.histories.machines.cluster import Machines
from lab.hosts.simulated.world import Change
from lambdas.domain.config import PRODUCTS

TERMINATE = "EC2 Instance-terminate Lifecycle Action"
STATE_CHANGE = "EC2 Instance State-change Notification"
ENDS = ("RUNNING", "SUCCEEDED", "FAILED", "TIMED_OUT", "ABORTED")


def changes(made: Iterable[Change], before: int, dismissed: Mapping[str, float]) -> Iterator[str]:
    """What is wrong with them. `before` is the lease's number until then; `dismissed`: since when a server was told to
    go, or had no host any more, by its instance id."""
    for change in made:
        what = f"{change.phase} of {change.server} from {change.product} in turn {change.fencing}"
        if change.fencing <= before:
            yield f"two at once: {what}, after a change in turn {before}"
        before = max(before, change.fencing)
        if not change.quorum:
            yield f"quorum: {what} took it"
        if change.phase != "hand_over" and not dismissed.get(change.server, change.at + 1) <= change.at:
            yield f"wanted: {what}, and nobody had told it to go"


def dismissed(events: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """Since when Auto Scaling told a server to terminate, or EC2 said that it does; the first counts."""
    found: dict[str, float] = {}
    for event in events:
        detail = event["detail"]
        if event["detail-type"] == TERMINATE:
            server = detail["EC2InstanceId"]
        elif event["detail-type"] == STATE_CHANGE and detail["state"] == "shutting-down":
            server = detail["instance-id"]
        else:
            continue
        found.setdefault(server, datetime.fromisoformat(event["time"]).timestamp())
    return found


def by_others(removed: int, made: Iterable[Change]) -> Iterator[str]:
    """Peers that somebody else removed."""
    ours = sum(change.phase != "hand_over" for change in made)
    if removed != ours:
        yield f"somebody else: {removed} peers were removed, and {ours} by us"


def missing(machines: Machines) -> str:
    """What a cluster at rest lacks to be whole; empty where it is."""
    states = machines.states()
    if sorted(states.values()) != ["InService"] * machines.size:
        return f"the group has {states}"
    if lost := [server for server in states if server not in machines.living()]:
        return f"{', '.join(lost)} has no power, and is in service"
    for product in PRODUCTS:
        clusters = machines.clusters(product)
        if len(clusters) != 1:
            return f"{product} has {len(clusters)} clusters"
        [raft] = clusters
        if not set(raft.peers) == set(raft.voters) == set(states):
            return f"{product} has voters {sorted(raft.voters)} of peers {sorted(raft.peers)}, not {sorted(states)}"
        if raft.leader is None:
            return f"{product} has no leader"
    if machines.members() != set(states):
        return f"the member records are those of {sorted(machines.members())}, not {sorted(states)}"
    if owner := machines.owner():
        return f"the membership lease is {owner}'s"
    return ""


def formed_again(machines: Machines) -> Iterator[str]:
    formations = sum(len(machines.executions("form_cluster", status)) for status in ENDS)
    if formations != 1:
        yield f"two formations: {formations} executions"
    for product in PRODUCTS:
        if (count := len(machines.clusters(product))) != 1:
            yield f"two formations: {product} has {count} clusters"
