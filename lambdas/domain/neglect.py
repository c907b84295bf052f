"""Who waits in a lifecycle hook, or was retained there, while nobody looks after it: servers and clients alike."""

from collections.abc import Collection, Mapping
from typing import Any

from lambdas.domain.membership.triage import Finding
from lambdas.domain.names import LAUNCH_HOOK

MOST_AT_ONCE = 50
"""Starts of one sweep. A storm of lost events is worked off in minutes; its own executions make no other storm."""

FLOWS = {"Pending:Wait": "launch", "Terminating:Wait": "goodbye", "Terminating:Retained": "goodbye"}
"""By lifecycle state. `Pending` and `Terminating` alone are on their way to their hook."""


def neglected(states: Mapping[str, str], *, launches: Collection[str], goodbyes: Collection[str]) -> list[Finding]:
    """`states` are lifecycle states by instance id; the others are subjects that have an execution which runs."""
    found = []
    for instance_id, state in sorted(states.items()):
        match FLOWS.get(state):
            case "launch" if instance_id not in launches:
                found.append(Finding(instance_id, "launch", f"{state}, and no execution looks after it"))
            case "goodbye" if instance_id not in goodbyes:
                found.append(Finding(instance_id, "goodbye", f"{state}, and no execution looks after it"))
    return found[:MOST_AT_ONCE]


def launch_event(instance_id: str, autoscaling_group: str) -> dict[str, Any]:
    """What Auto Scaling would have said, as far as anybody needs it; nobody knows the token any more."""
    return {
        "source": "quorate.sweep",
        "detail": {
            "AutoScalingGroupName": autoscaling_group,
            "LifecycleHookName": LAUNCH_HOOK,
            "EC2InstanceId": instance_id,
            "LifecycleTransition": "autoscaling:EC2_INSTANCE_LAUNCHING",
            "Origin": "EC2",
            "Destination": "AutoScalingGroup",
        },
    }
