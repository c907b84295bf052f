"""What no event started: the sweep finds it, and the same executions do the rest."""

from collections.abc import Iterator
from typing import Any

import pytest

from lab.aws.chaos import Event
from lambdas.domain import goodbye
from tests.integration.conftest import Open
from tests.integration.story import Story

HELD_AFTER_SECONDS = 8.0

LONG = 300.0
"""A server's goodbye is nine turns, each of which asks every server about every product."""


@pytest.fixture(scope="module")
def three(tell: Open) -> Iterator[Story]:
    with tell("founders") as formed:
        yield formed.settle()


def action(kind: str) -> Any:
    def matches(event: Event) -> bool:
        return bool(event["detail-type"] == f"EC2 Instance-{kind} Lifecycle Action")

    return matches


def terminate(story: Story, server: str) -> None:
    story.aws.client("autoscaling").terminate_instance_in_auto_scaling_group(
        InstanceId=server, ShouldDecrementDesiredCapacity=False
    )


def owner(story: Story) -> str | None:
    """Who has the membership lease."""
    found: str | None = story.records("lease").get("membership", {}).get("owner")
    return found


def assert_back(story: Story) -> None:
    """Three servers in service, and they are all the peers there are."""
    assert list(story.states("servers").values()) == ["InService"] * 3
    story.assert_one_cluster()
    for product in ("consul", "vault", "nomad"):
        [raft] = story.clusters(product)
        assert set(raft.voters) == set(story.states("servers"))
    assert set(story.records("member")) == set(story.states("servers"))
    assert story.records("lease")["membership"]["owner"] is None


def test_a_sweep_of_a_sound_cluster_finds_nothing(three: Story) -> None:
    before = three.records("journal")
    three.sweep()
    three.settle(LONG)
    assert [one.status for one in three.executions("sweep")] == ["SUCCEEDED"]
    assert three.executions("node_terminate") == []
    assert three.records("journal") == before


def test_launch_and_goodbye_go_on_whose_events_were_lost(three: Story) -> None:
    server = min(three.states("servers"))
    three.chaos.drop_events(action("terminate"), times=1)
    three.chaos.drop_events(action("launch"), times=1)
    terminate(three, server)
    three.settle(LONG)
    assert sorted(three.states("servers").values()) == ["InService", "InService", "Pending:Wait", "Terminating:Wait"]

    three.sweep()
    three.settle(LONG)
    assert_back(three)
    assert server not in three.states("servers")


def test_what_cannot_go_is_held_with_its_reason_and_goes_when_it_can(
    three: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(goodbye, "HOLD_SECONDS", HELD_AFTER_SECONDS)
    server = max(three.states("servers"))
    three.aws.client("autoscaling").suspend_processes(
        AutoScalingGroupName="quorate-founders-servers", ScalingProcesses=["Launch"]
    )
    terminate(three, server)
    three.settle(LONG)

    assert three.states("servers")[server] == "Terminating:Retained"
    for product in ("consul", "vault", "nomad"):
        [raft] = three.clusters(product)
        assert server in raft.voters, "it still votes"
    held = [entry for entry in three.records("journal").values() if entry["decision"] == "hold"]
    assert [entry["node"] for entry in held] == [server]
    assert "are the smallest safe size" in held[0]["reason"]

    three.sweep()
    three.settle(LONG)
    assert three.states("servers")[server] == "Terminating:Retained", "nothing has changed"

    three.resume_launching("servers")
    three.settle(LONG)
    three.sweep()
    three.settle(LONG)
    assert server not in three.states("servers")
    assert_back(three)


def test_a_goodbye_whose_execution_died_is_taken_over(three: Story) -> None:
    server = min(three.states("servers"))
    terminate(three, server)
    three.wait_until(lambda: owner(three) is not None, LONG, lambda: "no turn was taken")
    [running] = [one for one in three.executions("node_terminate") if one.status == "RUNNING"]
    three.aws.client("stepfunctions").stop_execution(executionArn=running.arn)
    three.settle(LONG)
    if owner(three):
        three.expire_lease()

    three.sweep()
    three.settle(LONG)
    assert server not in three.states("servers")
    assert_back(three)
