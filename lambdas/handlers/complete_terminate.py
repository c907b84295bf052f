"""Called by node_terminate: CompleteTerminate. Gives the hook the answer that was decided."""

from typing import Any

from lambdas.aws import lifecycle
from lambdas.domain.events import LifecycleAction
from lambdas.observability import count, decided, entry
from lambdas.settings import Settings


@entry
def handler(event: dict[str, Any], context: object) -> None:
    """`event`: {"event": detail, "plan": {"result", "reason"}}."""
    settings = Settings.from_environment()
    action = LifecycleAction.parse({"detail": event["event"]}, cluster=settings.cluster_name, kind="terminate")
    plan = event["plan"]
    lifecycle.complete(action, plan["result"])
    count("NodesReleased" if plan["result"] == "CONTINUE" else "NodesRetained")
    decided(plan["reason"], node=action.instance_id, result=plan["result"])
