"""Called by node_launch: CompleteLaunch. The node is a member: CONTINUE, and the group's breaker is reset."""

from typing import Any

from lambdas.aws import breakers, certificates, formation_record, lifecycle, members
from lambdas.aws.members import Member
from lambdas.domain.events import LifecycleAction
from lambdas.domain.node import Node
from lambdas.domain.renewal import Issued
from lambdas.observability import count, decided, entry
from lambdas.settings import Settings


@entry
def handler(event: dict[str, Any], context: object) -> None:
    """`event`: {"node", "lifecycle", "verified": results of Verify, "issued": Issued}."""
    table = Settings.from_environment().table_name
    node, action = Node.model_validate(event["node"]), LifecycleAction.model_validate(event["lifecycle"])
    if node.kind == "server":  # before CONTINUE: an instance in service has its record
        members.write(table, as_member(node, event["verified"]))
    certificates.write(table, Issued.model_validate(event["issued"]))
    answered = lifecycle.complete(action, "CONTINUE")
    formation_record.leave(table, node.instance_id)
    breakers.succeeded(table, node.group)
    count("NodesLaunched", group=node.group)
    decided("in service" if answered else "a member, and the hook was answered before", node=node.instance_id)


def as_member(node: Node, verified: list[dict[str, Any]]) -> Member:
    """With the ids that its products told; a product has none to tell, or is not served here."""

    def told(key: str) -> dict[str, str]:
        return {one["component"]: str(one["result"][key]) for one in verified if one["result"].get(key)}

    return Member(node.instance_id, node.group, node.serves, node.private_ip, told("raft_id"), told("cluster_id"))
