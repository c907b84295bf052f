"""Servers of the cluster as AWS tells them: who is in its group, whose host runs, whose agent answers."""

from collections.abc import Collection, Iterable
from typing import Any

from lambdas.aws import lifecycle
from lambdas.aws.clients import client
from lambdas.aws.instances import GONE
from lambdas.aws.lifecycle import RETAINED
from lambdas.aws.members import Member
from lambdas.domain import names
from lambdas.domain.config import ClientPool, ClusterConfig, ServerGroup
from lambdas.domain.membership.observation import Presence, Server

AT_ONCE = 50
"""Instances in one filter of DescribeInstanceInformation; DescribeInstances takes 200."""


def find(config: ClusterConfig, members: Iterable[Member]) -> tuple[Server, ...]:
    """Instances of the server groups, and members that are in no group any more; by instance id."""
    return _find(config.name, config.server_groups, members)


def every(config: ClusterConfig, members: Iterable[Member]) -> tuple[Server, ...]:
    """Those and the clients, which serve nothing; by instance id."""
    return _find(config.name, config.groups, members)


def _find(cluster: str, groups: Iterable[ServerGroup | ClientPool], members: Iterable[Member]) -> tuple[Server, ...]:
    grouped = _grouped(cluster, groups)
    known = {
        instance_id: (group.name, group.serves if isinstance(group, ServerGroup) else ())
        for instance_id, (group, _) in grouped.items()
    }
    known |= {one.instance_id: (one.group, one.serves) for one in members if one.instance_id not in known}
    hosts, online = _hosts(known), _online(known)
    found = []
    for instance_id, (group, serves) in sorted(known.items()):
        lifecycle_state = grouped[instance_id][1] if instance_id in grouped else None
        state, address = hosts.get(instance_id, ("terminated", ""))
        presence = presence_of(lifecycle_state, state)
        reachable = presence != "gone" and instance_id in online
        found.append(Server(instance_id, group, serves, presence, address, reachable))
    return tuple(found)


def presence_of(lifecycle_state: str | None, state: str) -> Presence:
    """From the group's word (None: in no group) and EC2's.

    A server that runs outside of any group was detached by its operator, who keeps it: nobody asked it to go.
    """
    if state in GONE or lifecycle_state == "Terminated":
        return "gone"
    if lifecycle_state == RETAINED:
        return "retained"
    if lifecycle_state is not None and lifecycle_state.startswith("Terminating"):
        return "leaving"
    return "launching" if lifecycle_state is not None and lifecycle_state.startswith("Pending") else "in_service"


def _grouped(
    cluster: str, groups: Iterable[ServerGroup | ClientPool]
) -> dict[str, tuple[ServerGroup | ClientPool, str]]:
    """Group and lifecycle state by instance id."""
    by_name = {names.autoscaling_group(cluster, group.name): group for group in groups}
    found = lifecycle.every(by_name)
    return {instance_id: (by_name[one.autoscaling_group], one.state) for instance_id, one in found.items()}


def _hosts(instance_ids: Collection[str]) -> dict[str, tuple[str, str]]:
    """State and private address by instance id. A filter, since asking for an id that EC2 forgot is an error."""
    pages = client("ec2").get_paginator("describe_instances")
    return {
        one["InstanceId"]: (one["State"]["Name"], one.get("PrivateIpAddress", ""))
        for some in _portions(instance_ids)
        for page in pages.paginate(Filters=[{"Name": "instance-id", "Values": some}])
        for reservation in page["Reservations"]
        for one in reservation["Instances"]
    }


def _online(instance_ids: Collection[str]) -> frozenset[str]:
    pages = client("ssm").get_paginator("describe_instance_information")
    return frozenset(
        one["InstanceId"]
        for some in _portions(instance_ids)
        for page in pages.paginate(Filters=[{"Key": "InstanceIds", "Values": some}])
        for one in page["InstanceInformationList"]
        if one["PingStatus"] == "Online"
    )


def _portions(instance_ids: Collection[str]) -> Iterable[Any]:
    ordered = sorted(instance_ids)
    return (ordered[at : at + AT_ONCE] for at in range(0, len(ordered), AT_ONCE))
