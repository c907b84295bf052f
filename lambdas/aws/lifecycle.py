"""Answers to Auto Scaling's lifecycle actions, and the brake on replacement."""

from botocore.exceptions import ClientError

from lambdas.aws.clients import client
from lambdas.domain.events import LifecycleAction


def complete(action: LifecycleAction, result: str) -> bool:
    """Answer the action. False where it is no longer open: answered before, timed out, or the instance is gone."""
    return _tell("complete_lifecycle_action", action, LifecycleActionResult=result)


def keep_open(action: LifecycleAction) -> bool:
    """Start the hook's heartbeat period again. False where the action is no longer open."""
    return _tell("record_lifecycle_action_heartbeat", action)


def stop_launching(autoscaling_group: str) -> None:
    """Suspend the group's `Launch` process: nothing more is launched until a human resumes it."""
    client("autoscaling").suspend_processes(AutoScalingGroupName=autoscaling_group, ScalingProcesses=["Launch"])


def _tell(call: str, action: LifecycleAction, **more: str) -> bool:
    try:
        getattr(client("autoscaling"), call)(
            AutoScalingGroupName=action.autoscaling_group,
            LifecycleHookName=action.hook,
            LifecycleActionToken=action.token,
            InstanceId=action.instance_id,
            **more,
        )
    except ClientError as error:
        if "No active Lifecycle Action found" in str(error):
            return False
        raise
    return True
