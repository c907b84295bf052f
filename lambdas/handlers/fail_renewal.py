"""Called by renew_certificates: FailRenewal. Writes down why; the certificate in use stays, and a sweep tries again."""

from typing import Any

from lambdas.aws import journal
from lambdas.domain.failure import Failure
from lambdas.domain.membership.journal import Entry
from lambdas.domain.node import Node
from lambdas.observability import decided, entry
from lambdas.settings import Settings


@entry
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`event`: {"node", "failure": {Error, Cause}, "execution"}."""
    settings = Settings.from_environment()
    node, failure = Node.model_validate(event["node"]), Failure.from_state(event["failure"])
    reason = failure.cause or failure.error
    journal.write(
        settings.table_name,
        Entry(settings.cluster_name, node.instance_id, event["execution"], "certificate", "fail", reason),
    )
    decided(f"not renewed: {reason}", node=node.instance_id)
    return {"failed": True, "votes": node.kind == "server"}
