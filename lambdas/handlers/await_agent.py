"""Called by node_launch: AwaitAgent. Looks for the SSM agent, for as long as one call may sensibly last."""

import time
from typing import Any

from lambdas.aws import run_command
from lambdas.domain.errors import NodeNotReady
from lambdas.domain.node import Node
from lambdas.observability import entry

LOOK_SECONDS = 45
"""Below the function's and the task's timeout; the state machine calls again."""

PAUSE_SECONDS = 0.5


@entry
def handler(event: dict[str, Any], context: object) -> None:
    """`event`: {"node": Node}. Raises NodeNotReady where the agent has not registered by then."""
    node = Node.model_validate(event["node"])
    until = time.monotonic() + LOOK_SECONDS
    while not run_command.agent_is_online(node.instance_id):
        if time.monotonic() >= until:
            raise NodeNotReady(f"the SSM agent of {node.instance_id} has not registered within {LOOK_SECONDS} s")
        time.sleep(PAUSE_SECONDS)
