"""What no event started: the sweep finds it, and the same executions do the rest."""

from collections.abc import Iterator
from typing import Any

import pytest

from lab.aws.chaos import Event
from lambdas.domain import goodbye
from lambdas.domain.config import PRODUCTS
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
    for product in PRODUCTS:
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
    three.suspend_launching("servers")
    terminate(three, server)
    three.settle(LONG)

    assert three.states("servers")[server] == "Terminating:Retained"
    for product in PRODUCTS:
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


def test_a_goodbye_whose_execution_died_is_taken_over_and_what_it_had_sent_wakes_up_late_and_does_nothing(
    three: Story,
) -> None:
    """The agent is paused with a command in hand. It runs it when another execution has had turns long since."""
    three.scale(servers=4)
    three.settle(LONG)
    server = min(three.states("servers"))
    three.faults.pause_agent_at("nomad", "leave", instance_id=server)
    three.release(server)
    three.wait_until(lambda: three.agent_paused(server), LONG, lambda: "it was never told to leave")
    [dead] = [one for one in three.executions("node_terminate") if one.status == "RUNNING"]
    three.aws.client("stepfunctions").stop_execution(executionArn=dead.arn)
    three.expire_lease()
    fencing = int(three.records("lease")["membership"]["fencing"])

    three.sweep()
    three.wait_until(
        lambda: any("does not answer" in one["reason"] for one in three.decisions(server)),
        LONG,
        lambda: f"it was not missed: {three.decisions(server)}",
    )
    assert server in three.clusters("nomad")[0].voters
    three.data_center.faulty.resume_agent(server)
    three.settle(LONG)
    late, again = three.told(server, "nomad", "leave")
    assert late == {
        "changed": False,
        "reason": f"this command is of turn {fencing} of the membership lease, which is at {fencing + 1}",
    }
    assert again["changed"]
    assert server not in three.states("servers")
    for product in PRODUCTS:
        assert three.clusters(product)[0].removals.count(server) == 1
    assert_back(three)


def test_a_minority_changes_nothing_and_calls_a_human_until_the_others_are_back(
    three: Story, capsys: pytest.CaptureFixture[str]
) -> None:
    *lost, left = sorted(three.states("servers"))
    before, changes = membership(three), len(three.sent_changes)
    for server in lost:
        three.data_center.faulty.partition(server)  # each by itself: no two of them decide anything
    for _ in range(2):  # an election is over by the second
        three.sweep()
        three.settle(LONG)
    calls = [one for one in three.journal() if one["decision"] == "call"]
    assert {one["node"] for one in calls} == set(PRODUCTS)
    assert all("the membership of" in one["reason"] and left in one["reason"] for one in calls)
    assert '"HumansCalled"' in capsys.readouterr().out, "an alarm counts it"
    assert membership(three) == before

    three.data_center.faulty.heal()
    journal = three.records("journal")
    three.sweep()
    three.settle(LONG)
    assert three.records("journal") == journal, "there is nothing to find any more"
    assert membership(three) == before
    assert len(three.sent_changes) == changes
    assert_back(three)


def test_two_of_three_that_are_lost_for_good_are_never_removed_by_the_one_that_is_left(
    three: Story, capsys: pytest.CaptureFixture[str]
) -> None:
    """The last story: nothing but a human brings this cluster back."""
    *lost, left = sorted(three.states("servers"))
    before, changes, formations = membership(three), len(three.sent_changes), len(three.formations)
    three.suspend_launching("servers")
    three.aws.client("ec2").terminate_instances(InstanceIds=lost)
    three.settle(LONG)
    three.sweep()
    three.settle(LONG)

    for server in lost:
        assert server not in three.states("servers"), "of a host that is gone nothing can be held"
        [told] = [one for one in three.decisions(server) if one["decision"] == "hold"]
        assert "are left than a majority, so that none can lead: nothing is changed" in told["reason"]
        assert three.goodbyes_of(server)[-1].status == "SUCCEEDED"
    assert '"HumansCalled"' in capsys.readouterr().out
    assert membership(three) == before, "whoever comes back from its disk is a voter still"
    assert {three.clusters(product)[0].leader for product in PRODUCTS} == {None}
    assert len(three.sent_changes) == changes
    assert set(three.records("member")) == {*lost, left}
    assert len(three.formations) == formations


def membership(story: Story) -> dict[str, list[tuple[str, ...]]]:
    """The voters of each cluster of each product: more than one cluster would be a second one beside it."""
    return {product: [raft.voters for raft in story.clusters(product)] for product in PRODUCTS}
