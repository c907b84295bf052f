"""Events that are not ours are dropped with a line in the log, and no hook is answered."""

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from lambdas.domain import names
from tests.builders import a_lifecycle_event
from tests.integration.conftest import Open
from tests.integration.story import Story


@pytest.fixture(scope="module")
def alone(tell: Open) -> Iterator[Story]:
    with tell("alone") as formed:
        yield formed.settle()


def begin(story: Story, flow: str, event: dict[str, Any]) -> list[str]:
    """Start the machine with the event, past the rule that lets only ours through; states of its execution."""
    machine = next(
        one["stateMachineArn"]
        for one in story.aws.client("stepfunctions").list_state_machines()["stateMachines"]
        if one["name"] == names.state_machine(story.config.name, flow)
    )
    name = str(uuid.uuid4())
    story.aws.client("stepfunctions").start_execution(stateMachineArn=machine, name=name, input=json.dumps(event))
    story.settle()
    [execution] = [one for one in story.executions(flow) if one.name == name]
    assert execution.status == "SUCCEEDED"
    return execution.states_entered


OURS = {"AutoScalingGroupName": "quorate-alone-servers"}
OTHERS = {
    "another group": {"AutoScalingGroupName": "quorate-other-servers"},
    "an unknown hook": {**OURS, "LifecycleHookName": "somebody-elses"},
    "a test notification": {**OURS, "LifecycleTransition": "autoscaling:TEST_NOTIFICATION"},
    "a warm pool": {**OURS, "Destination": "WarmPool"},
    "an instance that is nobody's": {**OURS, "EC2InstanceId": "i-0fffffffffffffff0"},
}


@pytest.mark.parametrize("what", OTHERS)
def test_a_launch_that_is_not_ours_is_dropped_with_one_line(alone: Story, what: str) -> None:
    answered, lines, commands = answers(alone), len(alone.log_lines()), len(alone.sent)
    assert begin(alone, "node_launch", a_lifecycle_event("launch", **OTHERS[what])) == ["PlanLaunch", "Ignored"]
    told = alone.log_lines()[lines:]
    assert [line["message"].split(":")[0] for line in told if "EventNotOurs" in line["message"]] == ["EventNotOurs"]
    assert answers(alone) == answered
    assert len(alone.sent) == commands


@pytest.mark.parametrize("what", OTHERS)
def test_a_goodbye_that_is_not_ours_is_dropped_with_one_line(alone: Story, what: str) -> None:
    answered, lines, commands, journal = answers(alone), len(alone.log_lines()), len(alone.sent), alone.journal()
    assert begin(alone, "node_terminate", a_lifecycle_event("terminate", **OTHERS[what])) == [
        "PlanTerminate",
        "Ignored",
    ]
    [told] = alone.log_lines()[lines:]
    assert told["message"].startswith("EventNotOurs: ")
    assert answers(alone) == answered
    assert len(alone.sent) == commands
    assert alone.journal() == journal


def test_the_end_of_somebody_else_s_command_answers_nobody(alone: Story) -> None:
    function = names.function("alone", "complete_command")
    event = {"detail": {"command-id": str(uuid.uuid4()), "instance-id": "i-0fffffffffffffff0", "status": "Success"}}
    before = alone.calls("complete_command")
    alone.aws.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event).encode())
    made = alone.calls("complete_command") - before
    assert made == {"dynamodb:GetItem": 1}
    assert "it is not ours" in alone.log_lines()[-1]["message"]


def answers(story: Story) -> int:
    by_caller = story.aws.calls.by_caller().values()
    return sum(calls["autoscaling:CompleteLifecycleAction"] for calls in by_caller)
