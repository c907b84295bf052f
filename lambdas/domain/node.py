"""A node as the domain knows it: facts of the instance, and what its group makes of it."""

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict

from lambdas.domain.config import (
    Architecture,
    ClientPool,
    ClusterConfig,
    Driver,
    Product,
    ServerGroup,
    System,
)
from lambdas.domain.errors import EventNotOurs
from lambdas.domain.membership.observation import Server
from lambdas.domain.names import autoscaling_group, group_of

Kind = Literal["server", "client"]


class Instance(BaseModel):
    """What EC2 says of an instance."""

    model_config = ConfigDict(frozen=True)

    instance_id: str
    private_ip: str
    availability_zone: str


class Node(BaseModel):
    """An instance in its group. Travels through state machines as JSON."""

    model_config = ConfigDict(frozen=True)

    cluster: str
    instance_id: str
    private_ip: str
    availability_zone: str
    group: str
    kind: Kind
    serves: tuple[Product, ...] = ()
    node_pool: str | None = None
    drivers: tuple[Driver, ...] = ()
    """Nomad task drivers of a client."""
    datacenter: str
    system: System
    architecture: Architecture


def describe_node(config: ClusterConfig, instance: Instance, autoscaling_group: str) -> Node:
    """The node that `instance` is, by its group. Raises EventNotOurs for a group of another cluster."""
    group = find_group(config, autoscaling_group)
    server = isinstance(group, ServerGroup)
    return Node(
        cluster=config.name,
        instance_id=instance.instance_id,
        private_ip=instance.private_ip,
        availability_zone=instance.availability_zone,
        group=group.name,
        kind="server" if server else "client",
        serves=group.serves if isinstance(group, ServerGroup) else (),
        node_pool=None if isinstance(group, ServerGroup) else group.node_pool,
        drivers=() if isinstance(group, ServerGroup) else group.drivers,
        datacenter=config.datacenter if isinstance(group, ServerGroup) else group.datacenter or config.datacenter,
        system=config.system,
        architecture=config.architecture,
    )


def describe_server(config: ClusterConfig, server: Server) -> Node:
    """The node that a server of the cluster is, as far as commands need it: its zone is not among that."""
    instance = Instance(instance_id=server.instance_id, private_ip=server.private_ip, availability_zone="")
    return describe_node(config, instance, autoscaling_group(config.name, server.group))


def in_service(config: ClusterConfig, servers: Iterable[Server]) -> list[Node]:
    """Servers that stay and answer: they are asked about a node that goes."""
    return [describe_server(config, one) for one in servers if one.presence == "in_service" and one.reachable]


def find_group(config: ClusterConfig, autoscaling_group: str) -> ServerGroup | ClientPool:
    name = group_of(config.name, autoscaling_group)
    for group in config.groups:
        if group.name == name:
            return group
    raise EventNotOurs(f"Auto Scaling group {autoscaling_group!r} is not of cluster {config.name!r}")
