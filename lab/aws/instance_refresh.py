"""Instance refresh: a group's instances replaced one after the other, through their hooks.

Where the group (or the refresh) wants 100 % to stay healthy, each replacement comes into service before its instance
leaves; otherwise the instance leaves first. moto has none of it.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from moto.autoscaling.exceptions import AutoscalingClientError
from moto.autoscaling.models import FakeAutoScalingGroup, InstanceState

from lab.aws.auto_scaling import RETAINED, AutoScaling
from lab.aws.cloud import Cloud

DEFAULT_MINIMUM_PERCENTAGE = 90
"""StartInstanceRefresh: MinHealthyPercentage, where neither it nor the group's maintenance policy says."""

OVER = frozenset({"Successful", "Cancelled", "Failed"})


@dataclass
class Refresh:
    group: FakeAutoScalingGroup
    left: list[InstanceState]
    """Those that are still to be replaced, the oldest first."""
    total: int
    keeps_all_healthy: bool
    warmup_seconds: float
    refresh_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    started_at: datetime = field(default_factory=lambda: datetime.now(UTC))
    ended_at: datetime | None = None
    status: str = "InProgress"
    reason: str = ""
    now: InstanceState | None = None
    """Which one is being replaced."""

    def described(self) -> dict[str, Any]:
        """As DescribeInstanceRefreshes shows it."""
        remaining = len(self.left) + (self.now is not None)
        return {
            "InstanceRefreshId": self.refresh_id,
            "AutoScalingGroupName": self.group.name,
            "Status": self.status,
            "StatusReason": self.reason,
            "StartTime": self.started_at,
            "EndTime": self.ended_at,
            "PercentageComplete": 100 * (self.total - remaining) // max(1, self.total),
            "InstancesToUpdate": remaining,
        }


class InstanceRefreshes:
    """All methods are called with the big lock held."""

    def __init__(self, cloud: Cloud, auto_scaling: AutoScaling) -> None:
        self._cloud = cloud
        self._auto_scaling = auto_scaling
        self._all: list[Refresh] = []
        auto_scaling.when_settled = self._advance

    def start(self, group: FakeAutoScalingGroup, preferences: Mapping[str, Any]) -> Refresh:
        if any(refresh.group is group and refresh.status not in OVER for refresh in self._all):
            raise InstanceRefreshInProgressError("An Instance Refresh is already in progress and blocks another.")
        policy = getattr(group, "instance_maintenance_policy", None) or {}
        minimum = preferences.get("MinHealthyPercentage", policy.get("MinHealthyPercentage"))
        refresh = Refresh(
            group,
            sorted(self._auto_scaling.counted(group), key=lambda state: getattr(state, "launched_at", 0.0)),
            len(self._auto_scaling.counted(group)),
            keeps_all_healthy=int(DEFAULT_MINIMUM_PERCENTAGE if minimum is None else minimum) >= 100,
            warmup_seconds=float(preferences.get("InstanceWarmup") or 0),
        )
        self._all.append(refresh)
        self._advance(group)
        return refresh

    def cancel(self, group: FakeAutoScalingGroup) -> Refresh:
        """What was begun for one instance goes on to its end; no other is begun."""
        refresh = next((one for one in self._all if one.group is group and one.status not in OVER), None)
        if refresh is None:
            raise ActiveInstanceRefreshNotFoundError(f"No active refresh of {group.name}")
        refresh.left.clear()
        refresh.status = "Cancelling" if refresh.now else "Cancelled"
        refresh.reason = "Cancelled due to user request."
        return refresh

    def of_group(self, name: str) -> list[Refresh]:
        """The newest first."""
        return [refresh for refresh in reversed(self._all) if refresh.group.name == name]

    def _advance(self, group: FakeAutoScalingGroup) -> None:
        """Something of the group has settled: begin with the next instance once the one before it has been replaced."""
        for refresh in [one for one in self._all if one.group is group and one.status not in OVER]:
            if refresh.now is not None and not self._replaced(refresh):
                continue
            delay = refresh.warmup_seconds if refresh.now is not None else 0.0
            refresh.now = None
            if delay:
                self._cloud.background.timer(self._cloud.clock.wait(delay), lambda one=refresh: self._later(one))  # type: ignore[misc]
            else:
                self._next(refresh)

    def _later(self, refresh: Refresh) -> None:
        with self._cloud.lock:
            if refresh.now is None and refresh.status not in OVER:
                self._next(refresh)

    def _replaced(self, refresh: Refresh) -> bool:
        """A retained instance is out of service as well, and its replacement is there."""
        group, state = refresh.group, refresh.now
        there = any(other is state and other.lifecycle_state != RETAINED for other in group.instance_states)
        serving = sum(other.lifecycle_state == "InService" for other in self._auto_scaling.counted(group))
        return not there and serving >= int(group.desired_capacity or 0)

    def _next(self, refresh: Refresh) -> None:
        if not refresh.group.desired_capacity:  # scaled in to nothing, or deleted
            refresh.left.clear()
        counted = self._auto_scaling.counted(refresh.group)
        refresh.left = [state for state in refresh.left if any(state is one for one in counted)]
        if not refresh.left:
            refresh.status = "Cancelled" if refresh.status == "Cancelling" else "Successful"
            refresh.ended_at = datetime.now(UTC)
            return
        refresh.now = refresh.left.pop(0)
        self._auto_scaling.replace(
            refresh.group,
            refresh.now,
            "taken out of service in response to an instance refresh.",
            launch_first=refresh.keeps_all_healthy,
        )


class InstanceRefreshInProgressError(AutoscalingClientError):
    code = "InstanceRefreshInProgress"


class ActiveInstanceRefreshNotFoundError(AutoscalingClientError):
    code = "ActiveInstanceRefreshNotFound"
