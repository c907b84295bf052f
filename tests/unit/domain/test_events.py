"""Events that are ours, and events that are dropped."""

import pytest

from lambdas.domain.errors import EventNotOurs
from lambdas.domain.events import CommandStatus, LifecycleAction
from tests.builders import a_lifecycle_event


def parse(event):
    return LifecycleAction.parse(event, cluster="demo", kind="launch")


def test_a_launch_of_our_group_is_ours() -> None:
    assert parse(a_lifecycle_event()).autoscaling_group == "quorate-demo-servers"


@pytest.mark.parametrize(
    "detail",
    [
        {"AutoScalingGroupName": "quorate-other-servers"},
        {"AutoScalingGroupName": "web"},
        {"LifecycleHookName": "somebody-elses"},
        {"LifecycleHookName": "quorate-terminate"},
        {"Event": "autoscaling:TEST_NOTIFICATION"},
        {"Destination": "WarmPool"},
        {"EC2InstanceId": "i-0; rm -rf /"},
        {"EC2InstanceId": None},
    ],
)
def test_what_is_not_ours_is_dropped(detail) -> None:
    with pytest.raises(EventNotOurs):
        parse(a_lifecycle_event(**detail))


@pytest.mark.parametrize("event", [{}, {"detail": None}, {"detail": []}, {"detail": {}}])
def test_malformed_events_are_dropped(event) -> None:
    with pytest.raises(EventNotOurs):
        parse(event)
    with pytest.raises(EventNotOurs):
        CommandStatus.parse(event)
