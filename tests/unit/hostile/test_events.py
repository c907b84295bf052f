"""Events that nobody of ours wrote: dropped with words, or exactly the action that they say."""

from contextlib import suppress
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from lambdas.domain.errors import EventNotOurs
from lambdas.domain.events import CommandStatus, LifecycleAction
from lambdas.domain.membership.reports import INSTANCE_ID
from tests.builders import a_lifecycle_event
from tests.unit.hostile.inputs import bent, hostile_text, json_values

STATUS_EVENT = {
    "source": "aws.ssm",
    "detail-type": "EC2 Command Invocation Status-change Notification",
    "detail": {"command-id": "c-1", "instance-id": "i-00000000000000001", "status": "Success"},
}


def is_dropped_or_ours(event: dict[str, Any], kind: Any = "launch") -> None:
    try:
        action = LifecycleAction.parse(event, cluster="demo", kind=kind)
    except EventNotOurs:
        return
    detail = event["detail"]
    assert (action.instance_id, action.hook) == (detail["EC2InstanceId"], f"quorate-{kind}")
    assert INSTANCE_ID.fullmatch(action.instance_id)
    assert action.autoscaling_group.startswith("quorate-demo-")


@settings(max_examples=100)
@given(bent(a_lifecycle_event()))
def test_a_lifecycle_event_that_was_bent(event: dict[str, Any]) -> None:
    is_dropped_or_ours(event)


@settings(max_examples=100)
@given(bent(a_lifecycle_event("terminate")))
def test_a_termination_that_was_bent(event: dict[str, Any]) -> None:
    is_dropped_or_ours(event, "terminate")


@settings(max_examples=100)
@given(hostile_text, st.sampled_from(("EC2InstanceId", "AutoScalingGroupName", "LifecycleHookName")))
def test_text_in_the_place_of_a_name(text: str, key: str) -> None:
    """A group's name may be anything behind its cluster's prefix: it is looked up among our groups, and never run."""
    is_dropped_or_ours(a_lifecycle_event(**{key: text}))
    is_dropped_or_ours(a_lifecycle_event(**{key: a_lifecycle_event()["detail"][key] + text}))


@settings(max_examples=100)
@given(json_values)
def test_any_detail(detail: Any) -> None:
    is_dropped_or_ours({"detail": detail})
    with suppress(EventNotOurs):
        assert CommandStatus.parse({"detail": detail}).command_id == detail["command-id"]


@settings(max_examples=100)
@given(bent(STATUS_EVENT))
def test_a_status_event_that_was_bent(event: dict[str, Any]) -> None:
    with suppress(EventNotOurs):
        assert CommandStatus.parse(event).command_id == event["detail"]["command-id"]
