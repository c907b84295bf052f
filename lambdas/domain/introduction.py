"""Who introduces a new client to Nomad, and how what the server said reaches the start of that client's Nomad."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from zlib import crc32

from lambdas.domain.commands import Command
from lambdas.domain.components.introduction import introduces
from lambdas.domain.config import ClusterConfig
from lambdas.domain.errors import NodeFailed, NodeNotReady
from lambdas.domain.membership.observation import Server
from lambdas.domain.node import Node
from lambdas.domain.phases import Phase

PARAMETER = "Introduction"
"""Of `start`: what `introduce` printed, or `-`."""

SEALED = re.compile(r"-|[A-Za-z0-9+/]{100,8000}={0,2}", re.ASCII)
"""As a server prints it, in base64: some 1,700 characters. `-` where its Nomad is too old to introduce anybody."""


def is_introduced(config: ClusterConfig, node: Node) -> bool:
    """Clients are, where all servers of Nomad can do it by the cluster file."""
    return node.kind == "client" and introduces(config)


def choose_introducer(servers: Sequence[Server], members: Collection[str], client: str) -> Server:
    """A server of Nomad that is a member and answers; by the client's id, so that a storm of launches is spread.

    `members` are instance ids of founders and of servers that were verified. Raises NodeNotReady where there is none.
    """
    able = [
        one
        for one in servers
        if "nomad" in one.serves
        and one.reachable
        and one.presence in ("launching", "in_service")
        and one.instance_id in members
    ]
    if not able:
        raise NodeNotReady(f"no server of Nomad answers that could introduce {client}")
    return able[crc32(client.encode()) % len(able)]


def hand_on(start: Sequence[Command], results: Sequence[Mapping[str, Any]]) -> list[Command]:
    """The commands of `start`, with the introduction that is among the results of the phase before.

    Raises NodeFailed where a server printed something else in its place.
    """
    told = {one["component"]: _printed(one) for one in results if one["phase"] == Phase.INTRODUCE}
    return [
        command.model_copy(update={"parameters": {**command.parameters, PARAMETER: told[command.component]}})
        if command.component in told
        else command
        for command in start
    ]


def _printed(one: Mapping[str, Any]) -> str:
    printed = one["result"].get("introduction")
    if isinstance(printed, str) and SEALED.fullmatch(printed):
        return printed
    raise NodeFailed(f"{one['instance_id']} printed no introduction")
