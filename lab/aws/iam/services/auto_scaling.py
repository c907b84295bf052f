"""Auto Scaling: what changes a group names it, what describes names nothing."""

from collections.abc import Iterable
from functools import partial

from moto.autoscaling.models import FakeAutoScalingGroup, autoscaling_backends

from lab.aws.iam.account import Account, tags_of
from lab.aws.iam.calls import ApiCall
from lab.aws.iam.needs import Need, Row, Rows, anywhere, tagged


def _group(account: Account, name: str) -> FakeAutoScalingGroup | None:
    found: FakeAutoScalingGroup | None = account.of(autoscaling_backends).autoscaling_groups.get(name)
    return found


def _group_of_instance(account: Account, instance_id: str) -> str:
    for group in account.of(autoscaling_backends).autoscaling_groups.values():
        if any(state.instance_id == instance_id for state in group.instance_states):
            return str(group.name)
    return ""


def _need(operation: str, account: Account, name: str) -> Need:
    group = _group(account, name)
    # A group that is not there has no id; its name is what a policy can know.
    arn = group.arn if group else account.arn("autoscaling", f"autoScalingGroup::autoScalingGroupName/{name}")
    tags = partial(tags_of, group.tags) if group else {}
    return Need(f"autoscaling:{operation}", arn, families=tagged(tags, "autoscaling"))


def _on_group(operation: str) -> Row:
    def row(call: ApiCall, account: Account) -> Iterable[Need]:
        return (_need(operation, account, call.text("AutoScalingGroupName")),)

    return row


def _on_instance(operation: str) -> Row:
    def row(call: ApiCall, account: Account) -> Iterable[Need]:
        return (_need(operation, account, _group_of_instance(account, call.text("InstanceId"))),)

    return row


ON_GROUP = (
    "CancelInstanceRefresh",
    "CompleteLifecycleAction",
    "DeleteLifecycleHook",
    "DetachInstances",
    "EnterStandby",
    "ExitStandby",
    "PutLifecycleHook",
    "RecordLifecycleActionHeartbeat",
    "ResumeProcesses",
    "SetDesiredCapacity",
    "SetInstanceProtection",
    "StartInstanceRefresh",
    "SuspendProcesses",
)
ON_INSTANCE = ("SetInstanceHealth", "TerminateInstanceInAutoScalingGroup")
DESCRIBING = (
    "DescribeAutoScalingGroups",
    "DescribeAutoScalingInstances",
    "DescribeInstanceRefreshes",
    "DescribeLifecycleHooks",
    "DescribeScalingActivities",
)

ROWS: Rows = (
    {operation: _on_group(operation) for operation in ON_GROUP}
    | {operation: _on_instance(operation) for operation in ON_INSTANCE}
    | {operation: anywhere(f"autoscaling:{operation}") for operation in DESCRIBING}
)
