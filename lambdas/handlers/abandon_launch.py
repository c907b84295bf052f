"""Called by node_launch: AbandonLaunch. Says why, answers ABANDON, and stops launching after three in a row.

A launch whose lifecycle action is no longer open was ended by somebody else, and is no failure: an operator or Auto
Scaling terminated the instance. (Or an earlier call of this very task answered, which the breaker's count tells.)
"""

from typing import Any

from lambdas.aws import breakers, formation_record, lifecycle
from lambdas.domain.breaker import judge, withdrawn
from lambdas.domain.events import LifecycleAction
from lambdas.domain.failure import Failure
from lambdas.domain.names import group_of
from lambdas.observability import count, decided, entry
from lambdas.settings import Settings


@entry
def handler(event: dict[str, Any], context: object) -> dict[str, str]:
    """`event`: {"event": detail, "failure": {Error, Cause}}. Returns {"ended": "failed", "error", "cause"}, or
    {"ended": "withdrawn", "reason"}."""
    settings = Settings.from_environment()
    action = LifecycleAction.parse({"detail": event["event"]}, cluster=settings.cluster_name, kind="launch")
    failure = Failure.from_state(event["failure"])
    group = group_of(settings.cluster_name, action.autoscaling_group) or action.autoscaling_group
    is_open = lifecycle.keep_open(action)
    if not is_open and not breakers.counted(settings.table_name, group, action.instance_id):
        formation_record.leave(settings.table_name, action.instance_id)
        reason = withdrawn(group, failure.cause)
        decided(reason, node=action.instance_id)
        return {"ended": "withdrawn", "reason": f"{action.instance_id}: {reason}"}
    failures = breakers.failed(settings.table_name, group, instance_id=action.instance_id, reason=failure.cause)
    verdict = judge(group, failures, failure.cause)
    if verdict.stop:  # before ABANDON: the answer makes Auto Scaling launch the next one
        lifecycle.stop_launching(action.autoscaling_group)
        count("BreakerOpened", group=group)
    formation_record.leave(settings.table_name, action.instance_id)
    lifecycle.complete(action, "ABANDON")
    count("NodesAbandoned", group=group)
    decided(verdict.reason, node=action.instance_id)
    return {
        "ended": "failed",
        "error": failure.error,
        "cause": f"{action.instance_id} of {group} abandoned: {failure.cause}. {verdict.reason}",
    }
