"""Scaling activities: why an Auto Scaling group launched or terminated an instance, and how that ended."""

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from moto.autoscaling.models import FakeAutoScalingGroup, InstanceState

from lab.aws.clock import timestamp
from lab.aws.cloud import Cloud
from lab.aws.event_bridge import EventBridge


@dataclass
class ScalingActivity:
    """`kind` is "Launch" or "Terminate"."""

    kind: str
    group: FakeAutoScalingGroup
    state: InstanceState
    cause: str
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended_at: datetime | None = None
    activity_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "InProgress"
    message: str = ""

    @property
    def description(self) -> str:
        verb = "Launching a new" if self.kind == "Launch" else "Terminating"
        return f"{verb} EC2 instance: {self.state.instance_id}"

    def described(self) -> dict[str, Any]:
        """As DescribeScalingActivities shows it."""
        return {
            "ActivityId": self.activity_id,
            "AutoScalingGroupName": self.group.name,
            "AutoScalingGroupARN": self.group.arn,
            "Description": self.description,
            "Cause": self.cause,
            "StartTime": self.started_at,
            "EndTime": self.ended_at,
            "StatusCode": self.status,
            "StatusMessage": self.message,
            "Progress": 100 if self.ended_at else 50,
        }


class ScalingActivities:
    def __init__(self, cloud: Cloud, event_bridge: EventBridge) -> None:
        self._cloud = cloud
        self._event_bridge = event_bridge
        self._all: list[ScalingActivity] = []

    def begin(self, kind: str, group: FakeAutoScalingGroup, state: InstanceState, cause: str) -> None:
        self._all.append(ScalingActivity(kind, group, state, f"At {timestamp()} {cause}"))

    def end(self, kind: str, state: InstanceState, *, failure: str = "") -> None:
        """Close the open activity of that instance and emit its event."""
        found = [a for a in self._all if a.state is state and a.kind == kind and a.ended_at is None]
        for activity in found:
            activity.ended_at = datetime.now(UTC)
            activity.status = "Failed" if failure else "Successful"
            activity.message = failure
            self._emit(activity)

    def of_group(self, group_name: str | None) -> list[dict[str, Any]]:
        """The newest first, as AWS lists them."""
        matching = [a for a in self._all if group_name is None or a.group.name == group_name]
        return [activity.described() for activity in reversed(matching)]

    def _emit(self, activity: ScalingActivity) -> None:
        group, state = activity.group, activity.state
        launching = activity.kind == "Launch"
        outcome = "Unsuccessful" if activity.message else "Successful"
        detail = {
            "StatusCode": "Failed" if activity.message else "InProgress",
            "Description": activity.description,
            "AutoScalingGroupName": group.name,
            "ActivityId": activity.activity_id,
            "Details": {"Availability Zone": state.availability_zone, "Subnet ID": state.instance.subnet_id},
            "RequestId": activity.activity_id,
            "StatusMessage": activity.message,
            "StartTime": timestamp(activity.started_at.timestamp(), milliseconds=True),
            "EndTime": timestamp(milliseconds=True),
            "EC2InstanceId": state.instance_id,
            "Cause": activity.cause,
            "Origin": "EC2" if launching else "AutoScalingGroup",
            "Destination": "AutoScalingGroup" if launching else "EC2",
        }
        self._event_bridge.emit(
            "aws.autoscaling",
            f"EC2 Instance {activity.kind} {outcome}",
            detail,
            [group.arn, self._cloud.arn("ec2", f"instance/{state.instance_id}")],
        )
