"""Goodbyes while events are lost or come twice, functions die, and the lease is over too early."""

from collections import Counter
from collections.abc import Iterator

import pytest

from lab.aws.chaos import of_type
from lambdas.domain import names
from lambdas.domain.config import PRODUCTS
from tests.integration.conftest import Open
from tests.integration.story import Story

TERMINATE = "EC2 Instance-terminate Lifecycle Action"
LAUNCH = "EC2 Instance-launch Lifecycle Action"
HANDLERS = ("plan_terminate", "take_turn", "decide_step", "end_turn", "complete_terminate")


@pytest.fixture(scope="module")
def founders(tell: Open) -> Iterator[Story]:
    """Every test begins and ends with a whole cluster; how many servers it has is the story's."""
    with tell("founders") as formed:
        yield formed.settle()


def scale_in(story: Story, servers: int) -> str:
    """Who was chosen to go."""
    story.scale(servers=servers)
    [leaving] = [node for node, state in story.states("servers").items() if state.startswith("Terminating")]
    return leaving


def wait_gone(story: Story, *nodes: str) -> None:
    story.wait_until(
        lambda: not set(nodes) & set(story.states("servers")), 120, lambda: f"{nodes} are there: {story.journal()[-3:]}"
    )
    story.settle(120)


def test_a_launch_that_nobody_heard_of_is_found_by_the_sweep(founders: Story) -> None:
    founders.chaos.drop_events(of_type(LAUNCH), times=1)
    founders.scale(servers=5)
    founders.settle()
    assert Counter(founders.states("servers").values()) == {"InService": 4, "Pending:Wait": 1}
    founders.sweep()
    founders.settle()
    founders.assert_whole(5)


def test_a_goodbye_that_nobody_heard_of_is_found_by_the_sweep(founders: Story) -> None:
    founders.chaos.drop_events(of_type(TERMINATE), times=1)
    leaving = scale_in(founders, 4)
    founders.settle()
    assert founders.states("servers")[leaving] == "Terminating:Wait"
    assert founders.goodbyes_of(leaving) == []
    founders.sweep()
    wait_gone(founders, leaving)
    founders.assert_whole(4)
    found = [one for one in founders.journal() if one["node"] == leaving and one["what"] == "sweep"]
    assert [one["decision"] for one in found] == ["goodbye"]


def test_each_function_of_a_goodbye_may_die_between_two_of_its_calls(founders: Story) -> None:
    for handler in HANDLERS:
        for calls in (0, 1):
            founders.chaos.kill_lambda(handler, after_calls=calls)
    leaving = scale_in(founders, 3)
    founders.settle(120)
    died = {one.function for one in founders.aws.invoked if one.error == "Runtime.ExitError"}
    assert died == {names.function("founders", handler) for handler in HANDLERS}
    founders.chaos.clear()
    if leaving in founders.states("servers"):
        founders.sweep()
    wait_gone(founders, leaving)
    founders.assert_whole(3)
    for product in PRODUCTS:
        assert founders.clusters(product)[0].removals.count(leaving) == 1


def test_what_was_begun_under_a_lease_that_is_over_changes_nothing(founders: Story) -> None:
    founders.scale(servers=4)
    founders.settle()
    founders.faults.slow("vault", "leave", 1.0)
    leaving = scale_in(founders, 3)
    founders.wait_until(lambda: under_way(founders, "vault", "leave"), 120, lambda: "vault's leave never began")
    founders.expire_lease()
    founders.wait_until(
        lambda: any("s left" in one["outcome"] for one in founders.decisions(leaving)),
        120,
        lambda: "it was not refused",
    )
    founders.faults.clear()
    wait_gone(founders, leaving)
    founders.assert_whole(3)


def test_of_two_that_leave_at_once_one_goes_after_the_other_though_every_event_comes_twice(founders: Story) -> None:
    founders.scale(servers=5)
    founders.settle()
    founders.assert_whole(5)
    five = set(founders.states("servers"))
    founders.chaos.duplicate_events(gap_seconds=0.02)
    founders.scale(servers=3)
    founders.settle(120)
    founders.chaos.clear()
    if any(state != "InService" for state in founders.states("servers").values()):
        founders.sweep()  # the second waited for longer than it is let
        founders.settle(120)

    founders.assert_whole(3)
    gone = five - set(founders.states("servers"))
    for product in PRODUCTS:
        removals = Counter(founders.clusters(product)[0].removals)
        assert {one: removals[one] for one in gone} == dict.fromkeys(gone, 1), "each left once"
    changes = [one["at"] for one in founders.journal() if one["decision"] == "act"]
    assert len(changes) == len(set(changes))
    assert len(founders.formations) == 1


def under_way(story: Story, component: str, phase: str) -> bool:
    return any((sent.component, sent.phase, sent.status) == (component, phase, "InProgress") for sent in story.sent)
