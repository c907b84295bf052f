"""Answers to Auto Scaling's lifecycle actions, and the brake on replacement."""

from botocore.exceptions import ClientError

from lambdas.aws.clients import client
from lambdas.domain.events import LifecycleAction

RESULTS = ("CONTINUE", "ABANDON")


def complete(action: LifecycleAction, result: str) -> bool:
    """Answer the action. False where it is no longer open: answered before, timed out, or the instance is gone."""
    try:
        client("autoscaling").complete_lifecycle_action(
            AutoScalingGroupName=action.autoscaling_group,
            LifecycleHookName=action.hook,
            LifecycleActionToken=action.token,
            InstanceId=action.instance_id,
            LifecycleActionResult=result,
        )
    except ClientError as error:
        if _no_longer_open(error):
            return False
        raise
    return True


def keep_open(action: LifecycleAction) -> bool:
    """Start the hook's heartbeat period again. False where the action is no longer open."""
    try:
        client("autoscaling").record_lifecycle_action_heartbeat(
            AutoScalingGroupName=action.autoscaling_group,
            LifecycleHookName=action.hook,
            LifecycleActionToken=action.token,
            InstanceId=action.instance_id,
        )
    except ClientError as error:
        if _no_longer_open(error):
            return False
        raise
    return True


def stop_launching(autoscaling_group: str) -> None:
    """Suspend the group's `Launch` process: nothing more is launched until a human resumes it."""
    client("autoscaling").suspend_processes(AutoScalingGroupName=autoscaling_group, ScalingProcesses=["Launch"])


def _no_longer_open(error: ClientError) -> bool:
    return "No active Lifecycle Action found" in str(error)
