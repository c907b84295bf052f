"""Called by node_launch: CompleteLaunch. The node is a member: CONTINUE, and the group's breaker is reset."""

from typing import Any

from lambdas.aws import breakers, formation_record, lifecycle
from lambdas.domain.events import LifecycleAction
from lambdas.domain.node import Node
from lambdas.observability import count, decided, entry
from lambdas.settings import Settings


@entry
def handler(event: dict[str, Any], context: object) -> None:
    """`event`: {"node", "lifecycle"}."""
    table = Settings.from_environment().table_name
    node, action = Node.model_validate(event["node"]), LifecycleAction.model_validate(event["lifecycle"])
    answered = lifecycle.complete(action, "CONTINUE")
    formation_record.leave(table, node.instance_id)
    breakers.succeeded(table, node.group)
    count("NodesLaunched", group=node.group)
    decided("in service" if answered else "a member, and the hook was answered before", node=node.instance_id)
