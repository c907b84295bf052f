"""Lifecycle hooks: an instance waits at launch or termination until its hooks are completed, or their time is over."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from moto.autoscaling.exceptions import ValidationError
from moto.autoscaling.models import AutoScalingBackend, FakeAutoScalingGroup, InstanceState, LifecycleHook

from lab.aws.background import Timer
from lab.aws.cloud import Cloud
from lab.aws.event_bridge import EventBridge

LAUNCHING = "autoscaling:EC2_INSTANCE_LAUNCHING"
TERMINATING = "autoscaling:EC2_INSTANCE_TERMINATING"

# PutLifecycleHook: "The maximum is 172800 seconds (48 hours) or 100 times HeartbeatTimeout, whichever is smaller."
LONGEST_GLOBAL_TIMEOUT_SECONDS = 172_800


@dataclass
class LifecycleAction:
    """One hook that one instance waits for."""

    group: FakeAutoScalingGroup
    state: InstanceState
    hook: LifecycleHook
    began_at: float
    """By the clock of limits."""
    token: str = field(default_factory=lambda: str(uuid.uuid4()))
    timer: Timer | None = None

    @property
    def transition(self) -> str:
        return str(self.hook.lifecycle_transition)


Finish = Callable[[FakeAutoScalingGroup, InstanceState, str, str], None]


class LifecycleHooks:
    """Open actions by token. All methods are called with the big lock held."""

    def __init__(self, cloud: Cloud, event_bridge: EventBridge) -> None:
        self._cloud = cloud
        self._event_bridge = event_bridge
        self._open: dict[str, LifecycleAction] = {}
        self.finish: Finish = lambda group, state, transition, result: None

    def register(self, backend: AutoScalingBackend, group_name: str, properties: Mapping[str, Any]) -> None:
        """Create a hook with all of its fields; moto keeps only some."""
        timeout = properties.get("HeartbeatTimeout")
        hook = backend.create_lifecycle_hook(
            properties["LifecycleHookName"],
            group_name,
            properties["LifecycleTransition"],
            int(timeout) if timeout else None,
            properties.get("DefaultResult"),
        )
        hook.notification_metadata = properties.get("NotificationMetadata")
        hook.notification_target_arn = properties.get("NotificationTargetARN")
        hook.role_arn = properties.get("RoleARN")
        hook.global_timeout = min(LONGEST_GLOBAL_TIMEOUT_SECONDS, 100 * hook.heartbeat_timeout)

    def hooks_of(self, group: FakeAutoScalingGroup, transition: str) -> Sequence[LifecycleHook]:
        hooks = group.autoscaling_backend.describe_lifecycle_hooks(group.name)
        return [hook for hook in hooks if hook.lifecycle_transition == transition]

    def begin(self, group: FakeAutoScalingGroup, state: InstanceState, transition: str) -> bool:
        """Start waiting for every hook of the transition; False when there is none."""
        hooks = self.hooks_of(group, transition)
        for hook in hooks:
            action = LifecycleAction(group, state, hook, self._cloud.limits.now())
            self._open[action.token] = action
            self._arm(action)
            self._announce(action)
        return bool(hooks)

    def cancel(self, state: InstanceState) -> None:
        """Forget whatever the instance waits for."""
        for action in [action for action in self._open.values() if action.state is state]:
            self._close(action)

    def complete(self, action: LifecycleAction, result: str) -> None:
        self._close(action)
        siblings = [other for other in self._open.values() if other.state is action.state]
        if result == "ABANDON":  # ends the waiting for the other hooks too
            for sibling in siblings:
                self._close(sibling)
        elif siblings:
            return
        self.finish(action.group, action.state, action.transition, result)

    def heartbeat(self, action: LifecycleAction) -> None:
        self._arm(action)

    def find(self, group_name: str, hook_name: str, token: str | None, instance_id: str | None) -> LifecycleAction:
        for action in self._open.values():
            if action.group.name != group_name or action.hook.name != hook_name:
                continue
            if action.token == token if token else action.state.instance_id == instance_id:
                return action
        what = f"token {token}" if token else f"instance ID {instance_id}"
        raise ValidationError(f"No active Lifecycle Action found with {what}")

    def _close(self, action: LifecycleAction) -> None:
        self._open.pop(action.token, None)
        if action.timer:
            action.timer.cancel()

    def _arm(self, action: LifecycleAction) -> None:
        """(Re)start the heartbeat period, within what is left of the global timeout."""
        if action.timer:
            action.timer.cancel()
        clock = self._cloud.clock
        spent = self._cloud.limits.now() - action.began_at
        left = clock.timeout(action.hook.global_timeout) - spent
        period = max(0.0, min(clock.timeout(action.hook.heartbeat_timeout), left))

        def expire() -> None:
            with self._cloud.lock:
                # A heartbeat that came in the meantime has armed another timer.
                if self._open.get(action.token) is action and action.timer is timer:
                    self.complete(action, action.hook.default_result)

        timer = action.timer = self._cloud.limits.timer(period, expire)

    def _announce(self, action: LifecycleAction) -> None:
        launching = action.transition == LAUNCHING
        detail = {
            "LifecycleActionToken": action.token,
            "AutoScalingGroupName": action.group.name,
            "LifecycleHookName": action.hook.name,
            "EC2InstanceId": action.state.instance_id,
            "LifecycleTransition": action.transition,
            "Origin": "EC2" if launching else "AutoScalingGroup",
            "Destination": "AutoScalingGroup" if launching else "EC2",
        }
        if metadata := getattr(action.hook, "notification_metadata", None):
            detail["NotificationMetadata"] = metadata
        kind = "launch" if launching else "terminate"
        self._event_bridge.emit("aws.autoscaling", f"EC2 Instance-{kind} Lifecycle Action", detail, [action.group.arn])
