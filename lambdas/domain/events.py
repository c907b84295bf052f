"""The AWS events that Quorate accepts, parsed at the edge. Samples: `tests/events/`."""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lambdas.domain.errors import EventNotOurs
from lambdas.domain.names import LAUNCH_HOOK, TERMINATE_HOOK, group_of

TEST_NOTIFICATION = "autoscaling:TEST_NOTIFICATION"
"""Sent once by Auto Scaling when a hook gets a notification target."""


class Accepted(BaseModel):
    model_config = ConfigDict(frozen=True, populate_by_name=True)


class LifecycleAction(Accepted):
    """`EC2 Instance-launch|terminate Lifecycle Action` of source aws.autoscaling: the part that matters."""

    token: str = Field(alias="LifecycleActionToken", default="")
    """Empty where the sweep made the event up: Auto Scaling tells nobody the token of an action that is open."""
    autoscaling_group: str = Field(alias="AutoScalingGroupName")
    hook: str = Field(alias="LifecycleHookName")
    instance_id: str = Field(alias="EC2InstanceId", pattern=r"^i-[0-9a-f]{8,17}$")
    transition: str = Field(alias="LifecycleTransition")
    destination: str = Field(alias="Destination", default="")
    """`WarmPool` or `EC2`/`AutoScalingGroup`: a warm pool meets the launch hook twice, and only the second counts."""

    @classmethod
    def parse(cls, event: dict[str, Any], *, cluster: str, kind: Literal["launch", "terminate"]) -> Self:
        """Raise EventNotOurs for whatever is not a lifecycle action of one of the cluster's groups and our hook."""
        detail = event.get("detail")
        if not isinstance(detail, dict):
            raise EventNotOurs("the event has no detail")
        if TEST_NOTIFICATION in (detail.get("Event"), detail.get("LifecycleTransition")):
            raise EventNotOurs("a test notification of Auto Scaling")
        try:
            action = cls.model_validate(detail)
        except ValidationError as error:
            missing = ", ".join(".".join(map(str, problem["loc"])) for problem in error.errors())
            raise EventNotOurs(f"not a lifecycle action: {missing} missing or malformed") from None
        if group_of(cluster, action.autoscaling_group) is None:
            raise EventNotOurs(f"Auto Scaling group {action.autoscaling_group!r} is not of cluster {cluster!r}")
        wanted = LAUNCH_HOOK if kind == "launch" else TERMINATE_HOOK
        if action.hook != wanted:
            raise EventNotOurs(f"hook {action.hook!r} is not {wanted!r}")
        if action.destination == "WarmPool":
            raise EventNotOurs("the instance goes to a warm pool; it is taken up when it leaves the pool")
        return action


class CommandStatus(Accepted):
    """`EC2 Command Invocation Status-change Notification` of source aws.ssm."""

    command_id: str = Field(alias="command-id")
    instance_id: str = Field(alias="instance-id")
    status: str

    @classmethod
    def parse(cls, event: dict[str, Any]) -> Self:
        try:
            return cls.model_validate(event.get("detail"))
        except ValidationError:
            raise EventNotOurs("not a command's status event") from None
