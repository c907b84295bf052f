"""EventBridge delivers at least once and in no order; service events are delivered "best effort" only."""

import json
from collections import Counter

from lab.aws.chaos import Event
from lambdas.domain import names
from tests.integration.conftest import Open
from tests.integration.story import Story, end_of


def launch(event: Event) -> bool:
    return event["detail-type"] == "EC2 Instance-launch Lifecycle Action"


def test_every_event_may_come_twice(story: Open) -> None:
    three = story("three", before=lambda told: told.chaos.duplicate_events(gap_seconds=0.02)).settle()

    assert three.formation()["status"] == "formed"
    three.assert_one_cluster()
    assert set(Counter(sent.work for sent in three.sent).values()) == {1}
    started = three.executions("node_launch")
    assert len(started) == 8, "each launch began twice"
    assert Counter(one.states_entered[-1] for one in started) == {"Done": 4, "Ignored": 4}
    assert {one.status for one in started} == {"SUCCEEDED"}
    assert len(three.formations) == 1
    assert three.calls("complete_launch")["autoscaling:CompleteLifecycleAction"] == 4


def test_every_event_may_come_late(story: Open) -> None:
    alone = story("alone", before=lambda told: told.chaos.delay_events(0.1)).settle()

    assert alone.formation()["status"] == "formed"
    alone.assert_one_cluster()
    assert set(Counter(sent.work for sent in alone.sent).values()) == {1}

    first = alone.launches()[0]
    machine = names.state_machine(alone.config.name, "node_launch")
    arn = f"arn:aws:states:{alone.aws.region}:{alone.aws.account}:stateMachine:{machine}"
    alone.aws.client("stepfunctions").start_execution(stateMachineArn=arn, input=json.dumps(first.input))
    alone.settle()
    assert alone.executions("node_launch")[-1].states_entered[-1] == "Ignored", "one that comes again, hours later"
    assert set(Counter(sent.work for sent in alone.sent).values()) == {1}


def test_the_end_of_a_command_may_never_be_told(story: Open) -> None:
    """The task's time-out asks again, and finds the command that has ended long ago."""

    def lose(told: Story) -> None:
        told.faults.slow("consul", "install", 0.5)  # long enough for the sender to have read its invocation once
        told.chaos.drop_events(end_of("consul", "install"), times=1)

    alone = story("alone", before=lose, impatient=True).settle()

    alone.assert_one_cluster()
    assert set(Counter(sent.work for sent in alone.sent).values()) == {1}, "nothing was sent again"
    [launch_] = alone.launches()
    assert "TaskTimedOut" in [event["type"] for event in launch_.events]


def test_a_launch_that_nobody_heard_of_is_abandoned_by_its_hook(story: Open) -> None:
    alone = story("alone", before=lambda told: told.chaos.drop_events(launch, times=1), impatient=True)
    [unheard] = alone.states("servers")
    alone.wait_formed(60)
    alone.settle()

    assert unheard not in alone.states("servers")
    alone.assert_one_cluster()
    assert {sent.instance_id for sent in alone.sent} == set(alone.states("servers"))
    assert alone.records("breaker") == {}, "no launch of ours failed"
