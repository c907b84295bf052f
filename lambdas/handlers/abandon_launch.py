"""Called by node_launch: AbandonLaunch. Says why, answers ABANDON, and stops launching after three in a row.

A launch whose lifecycle action is no longer open was ended by somebody else, and is not counted as a failure: an
operator or Auto Scaling terminated the instance. (Or an earlier call of this very task counted it and answered.)
"""

from typing import Any

from lambdas.aws import breakers, formation_record, lifecycle
from lambdas.domain.breaker import LAUNCH_WITHDRAWN, judge, withdrawn
from lambdas.domain.events import LifecycleAction
from lambdas.domain.failure import Failure
from lambdas.domain.names import group_of
from lambdas.observability import count, decided, entry
from lambdas.settings import Settings


@entry
def handler(event: dict[str, Any], context: object) -> dict[str, str]:
    """`event`: {"event": detail, "failure": {Error, Cause}}. Returns {"error", "cause"} for the Fail state."""
    settings = Settings.from_environment()
    action = LifecycleAction.parse({"detail": event["event"]}, cluster=settings.cluster_name, kind="launch")
    failure = Failure.from_state(event["failure"])
    group = group_of(settings.cluster_name, action.autoscaling_group) or action.autoscaling_group
    if not lifecycle.keep_open(action):
        formation_record.leave(settings.table_name, action.instance_id)
        reason = withdrawn(group, failure.cause)
        decided(reason, node=action.instance_id)
        return {"error": LAUNCH_WITHDRAWN, "cause": f"{action.instance_id}: {reason}"}
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
        "error": failure.error,
        "cause": f"{action.instance_id} of {group} abandoned: {failure.cause}. {verdict.reason}",
    }
