"""Servers that arrive after the founders, and founders that die: one cluster, founded once."""

import re

import pytest

from lab.aws.chaos import Event
from tests.integration.conftest import Open
from tests.integration.story import Story


def test_a_fourth_server_that_arrives_while_the_cluster_forms_joins_it(story: Open) -> None:
    founders = story("founders", before=lambda told: told.faults.slow("consul", "start", 1.0))
    founders.wait_until(lambda: founders.formation().get("status") == "forming", 30, lambda: "waiting for founders")
    first = set(founders.states("servers"))
    founders.scale(servers=4)
    founders.settle()

    [fourth] = set(founders.states("servers")) - first
    assert founders.states("servers")[fourth] == "InService"
    assert founders.expects(fourth, "consul") is None
    assert founders.expects(fourth, "nomad") is None
    assert {founders.expects(node, "consul") for node in first} == {3}
    assert len(founders.formations) == 1
    assert {member["instance_id"] for member in founders.records("formation")["record"]["members"]} == first
    founders.assert_one_cluster()


def test_three_servers_become_five_without_formation(story: Open) -> None:
    founders = story("founders").settle()
    before = founders.formation()
    founders.scale(servers=5)
    founders.settle()

    assert list(founders.states("servers").values()) == ["InService"] * 5
    founders.assert_one_cluster()
    assert founders.formation() == before, "nobody touched the record"
    assert len(founders.formations) == 1


@pytest.mark.parametrize(("component", "phase"), [("consul", "install"), ("consul", "start"), ("vault", "start")])
def test_a_founder_that_dies_is_replaced_and_the_cluster_forms_with_its_replacement(
    story: Open, component: str, phase: str
) -> None:
    def lose(told: Story) -> None:
        told.faults.lose_host(component, phase)

    founders = story("founders", before=lose, impatient=True)
    first = set(founders.states("servers"))
    founders.wait_formed(90)
    founders.settle()

    dead = [node for node in first if node not in founders.states("servers")]
    assert len(dead) == 1, "one died, and only that one was replaced"
    assert list(founders.states("servers").values()) == ["InService"] * 3
    founders.assert_one_cluster()
    assert founders.formation()["status"] == "formed"
    launch = founders.launch_of(dead[0])
    assert launch.status == "FAILED"
    # Whichever was noticed first: the command that never ended, or one that could not be sent any more.
    assert re.search(r"ran out of its time|agent is not registered|no answer in time", str(launch.cause))


def test_a_founder_that_fails_for_good_is_replaced_and_the_others_are_not(story: Open) -> None:
    founders = story("founders", before=lambda told: told.faults.fail("nomad", "start", reason="no such user")).settle()

    assert [one.status for one in founders.formations] == ["FAILED", "SUCCEEDED"]
    failed = [one for one in founders.launches() if one.status == "FAILED"]
    assert len(failed) == 1
    assert "nomad start: failed for good (exit 70): no such user" in str(failed[0].cause)
    assert list(founders.states("servers").values()) == ["InService"] * 3
    founders.assert_one_cluster()
    assert founders.suspended("servers") == []


def test_after_five_attempts_a_human_is_asked(story: Open) -> None:
    """A defect of ours is no node's fault: attempts end, and so does replacing nodes."""
    alone = story("alone", before=lambda told: told.faults.fail("nomad", "start", exit_code=64, times=99))
    alone.wait_launching_stopped("servers")

    assert [one.name for one in alone.formations] == [f"alone-g1-a{number}" for number in range(1, 6)]
    assert {one.status for one in alone.formations} == {"FAILED"}
    assert "nomad start: bad parameter (exit 64)" in str(alone.formation()["reason"])
    assert "reset the formation record" in str(alone.launches()[-1].cause)
    assert alone.suspended("servers") == ["Launch"]


def test_a_server_that_goes_before_a_cluster_exists_holds_no_vote(story: Open) -> None:
    def launch(event: Event) -> bool:
        return event["detail-type"] == "EC2 Instance-launch Lifecycle Action"

    founders = story("founders", before=lambda told: told.chaos.drop_events(launch, times=1))
    founders.wait_until(lambda: len(founders.records("arrival")) == 2, 30, lambda: "waiting for two servers")
    server = min(founders.records("arrival"))
    founders.aws.client("autoscaling").terminate_instance_in_auto_scaling_group(
        InstanceId=server, ShouldDecrementDesiredCapacity=False
    )
    founders.wait_until(lambda: server not in founders.states("servers"), 10, lambda: "it is still there")
    founders.wait_until(
        lambda: [one.status for one in founders.executions("node_terminate")] == ["SUCCEEDED"], 10, lambda: "no answer"
    )
    assert "no cluster exists yet (formation is gathering): the server holds no vote" in founders.log
