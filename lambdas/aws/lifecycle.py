"""Answers to Auto Scaling's lifecycle actions, and what it is told of instances and groups besides."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from lambdas.aws.clients import client
from lambdas.aws.errors import code_of
from lambdas.domain.events import LifecycleAction

RETAINED = "Terminating:Retained"
"""Of an instance whose goodbye was abandoned: it lives on, out of service, and its replacement is launched."""


@dataclass(frozen=True)
class Standing:
    """An instance in its group."""

    autoscaling_group: str
    state: str

    @property
    def launches(self) -> bool:
        return self.state.startswith("Pending")

    @property
    def leaves(self) -> bool:
        """Waits in its terminate hook, or is on its way there."""
        return self.state.startswith("Terminating") and self.state != RETAINED


def complete(action: LifecycleAction, result: str) -> bool:
    """Answer the action. False where it is no longer open: answered before, timed out, or the instance is gone."""
    return _tell("complete_lifecycle_action", action, LifecycleActionResult=result)


def keep_open(action: LifecycleAction) -> bool:
    """Start the hook's heartbeat period again. False where the action is no longer open."""
    return _tell("record_lifecycle_action_heartbeat", action)


def stop_launching(autoscaling_group: str) -> None:
    """Suspend the group's `Launch` process: nothing more is launched until a human resumes it."""
    client("autoscaling").suspend_processes(AutoScalingGroupName=autoscaling_group, ScalingProcesses=["Launch"])


def find(instance_id: str) -> Standing | None:
    """None where the instance is in no group (any more)."""
    found = client("autoscaling").describe_auto_scaling_instances(InstanceIds=[instance_id])["AutoScalingInstances"]
    return Standing(found[0]["AutoScalingGroupName"], found[0]["LifecycleState"]) if found else None


def every(autoscaling_groups: Iterable[str]) -> dict[str, Standing]:
    """All instances of these groups, by id."""
    pages = client("autoscaling").get_paginator("describe_auto_scaling_groups")
    return {
        one["InstanceId"]: Standing(group["AutoScalingGroupName"], one["LifecycleState"])
        for page in pages.paginate(AutoScalingGroupNames=list(autoscaling_groups))
        for group in page["AutoScalingGroups"]
        for one in group["Instances"]
    }


def terminate_retained(instance_id: str) -> bool:
    """Let an instance go that its group retained. Its replacement was launched when it was retained: the desired
    capacity stays. False where it is in no group any more."""
    return _ask("terminate_instance_in_auto_scaling_group", instance_id, ShouldDecrementDesiredCapacity=False)


def set_unhealthy(instance_id: str) -> bool:
    """Have the instance replaced, launch first. False where it is in no group any more."""
    return _ask("set_instance_health", instance_id, HealthStatus="Unhealthy", ShouldRespectGracePeriod=False)


def _ask(call: str, instance_id: str, **more: Any) -> bool:
    try:
        getattr(client("autoscaling"), call)(InstanceId=instance_id, **more)
    except ClientError as error:
        if code_of(error) == "ValidationError" and "not found" in str(error).lower():
            return False
        raise
    return True


def _tell(call: str, action: LifecycleAction, **more: str) -> bool:
    """By the action's token where it is known; the sweep knows none, and the instance's one open action is meant."""
    if action.token:
        more["LifecycleActionToken"] = action.token
    try:
        getattr(client("autoscaling"), call)(
            AutoScalingGroupName=action.autoscaling_group,
            LifecycleHookName=action.hook,
            InstanceId=action.instance_id,
            **more,
        )
    except ClientError as error:
        if "No active Lifecycle Action found" in str(error):
            return False
        raise
    return True
