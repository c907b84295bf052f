"""Goodbyes while events are lost or come twice, functions die, and the lease is over too early."""

from collections import Counter
from collections.abc import Iterator

import pytest

from lab.aws.chaos import of_type
from lambdas.domain import names
from lambdas.domain.config import PRODUCTS
from tests.integration.conftest import Open
from tests.integration.story import Story, end_of

TERMINATE = "EC2 Instance-terminate Lifecycle Action"
LAUNCH = "EC2 Instance-launch Lifecycle Action"
FUNCTIONS = (
    "plan_terminate",
    "take_turn",
    "decide_step",
    "end_turn",
    "hold_instance",
    "complete_terminate",
    "drain_client",
    "plan_leave",
    "plan_sweep",
    "triage",
)
LONG = 300.0
"""Seconds, on a machine that does much else."""
RETRIES = 6
"""Of a task whose function's process died."""


@pytest.fixture(scope="module")
def three(tell: Open) -> Iterator[Story]:
    """Every test begins and ends with a whole cluster; how many servers it has is the story's."""
    with tell("three") as formed:
        yield formed.settle()


def scale_in(story: Story, servers: int) -> str:
    """Who was chosen to go."""
    story.scale(servers=servers)
    [chosen] = leaving(story, "servers")
    return chosen


def leaving(story: Story, group: str) -> list[str]:
    return [node for node, state in story.states(group).items() if state.startswith("Terminating")]


def wait_gone(story: Story, *nodes: str) -> None:
    story.wait_until(
        lambda: not set(nodes) & set(story.states("servers")), 120, lambda: f"{nodes} are there: {story.journal()[-3:]}"
    )
    story.settle(LONG)


def test_a_launch_that_nobody_heard_of_is_found_by_the_sweep(three: Story) -> None:
    three.chaos.drop_events(of_type(LAUNCH), times=1)
    three.scale(servers=5)
    three.settle()
    assert Counter(three.states("servers").values()) == {"InService": 4, "Pending:Wait": 1}
    three.sweep()
    three.settle()
    three.assert_whole(5)


def test_a_goodbye_that_nobody_heard_of_is_found_by_the_sweep(three: Story) -> None:
    three.chaos.drop_events(of_type(TERMINATE), times=1)
    chosen = scale_in(three, 4)
    three.settle()
    assert three.states("servers")[chosen] == "Terminating:Wait"
    assert three.goodbyes_of(chosen) == []
    three.sweep()
    wait_gone(three, chosen)
    three.assert_whole(4)
    found = [one for one in three.journal() if one["node"] == chosen and one["what"] == "sweep"]
    assert [one["decision"] for one in found] == ["goodbye"]


def test_scripts_fail_and_nobody_hears_how_others_ended(three: Story) -> None:
    """Each costs a turn: Nomad's leave fails, Vault's is done and Consul's fails while their status events are lost."""
    three.scale(servers=5)
    three.settle()
    for component, fails in (("nomad", True), ("vault", False), ("consul", True)):
        if fails:
            three.faults.fail(component, "leave")
        if component != "nomad":
            three.faults.slow(component, "leave", 0.5)  # the sender reads its invocation before it ends
            three.chaos.drop_events(end_of(component, "leave"), times=1)
    chosen = scale_in(three, 4)
    for component in ("vault", "consul"):
        wait_unheard(three, component)
        assert chosen in three.states("servers"), "it waits for an answer"
        three.make_commands_overdue()
        three.faults.fail("node", "observe")  # of the sweep, which takes it for silence
        three.sweep()
    wait_gone(three, chosen)
    three.faults.clear()
    failed = [(one.component, one.phase) for one in three.sent if one.status == "Failed"]
    assert {(one, "leave") for one in ("nomad", "consul")} <= set(failed)
    three.assert_whole(4)


def test_each_function_may_die_between_each_two_of_its_calls(three: Story) -> None:
    """A client goes, and a server: halfway it is held, since a Vault answers for another cluster, and sweeps go on."""
    three.scale(clients=2)
    three.settle()
    before = len(three.aws.invoked)
    for client in three.states("default"):
        host = three.data_center.simulated.world.hosts[client]
        host.allocations, host.allocations_move_in_seconds = 1, 0.1  # one round that asks, and one that is through
    for function in FUNCTIONS:
        # What a sweep sees for the first time it writes down: it is to die there too, so it fails, and another comes.
        three.chaos.kill_lambda_between_calls(function, in_a_row=99 if function == "triage" else RETRIES)
    three.scale(clients=1)
    [client] = leaving(three, "default")
    three.settle(LONG)
    assert client not in three.states("default")

    server = scale_in(three, 3)
    nomad, vault, consul = (three.clusters(product)[0] for product in ("nomad", "vault", "consul"))
    three.wait_until(lambda: server not in nomad.voters, 120, lambda: "it never left Nomad")
    ours, vault.cluster_id = vault.cluster_id, "another-cluster"
    three.settle(LONG)
    while three.executions("sweep")[-1].status == "FAILED":
        three.sweep()
        three.settle(LONG)
    assert three.states("servers")[server] == "Terminating:Retained"
    [why] = {one["reason"] for one in three.decisions(server) if one["decision"] in ("human", "hold")}
    assert "answers for another cluster of vault than ours: nothing is changed until somebody has looked" in why
    assert server in consul.voters

    vault.cluster_id = ours
    three.sweep()
    three.settle(LONG)
    three.chaos.clear()
    three.assert_whole(3)
    for raft in (nomad, vault, consul):
        assert raft.removals.count(server) == 1
        assert client not in raft.clients
    assert {one: survived for one in FUNCTIONS if (survived := moments_survived(three, one, before))} == {}


def moments_survived(story: Story, function: str, since: int) -> set[int]:
    """Of the moments before its first AWS call, between each two, and after its last: those in which it never died."""
    made = [one for one in story.aws.invoked[since:] if one.function == names.function("three", function)]
    moments = set(range(max(one.calls for one in made if one.error is None) + 1))
    return moments - {one.calls for one in made if one.error == "Runtime.ExitError"}


def test_it_waits_for_a_sealed_replacement_and_what_was_begun_under_a_lease_that_is_over_changes_nothing(
    three: Story,
) -> None:
    before = set(three.states("servers"))
    three.scale(servers=4)
    three.settle()
    [replacement] = set(three.states("servers")) - before
    three.data_center.simulated.seal(replacement)
    three.faults.slow("vault", "leave", 1.0)
    chosen = min(before)
    three.release(chosen)
    three.wait_until(
        lambda: any(f"vault on {replacement} is sealed" in one["reason"] for one in three.decisions(chosen)),
        120,
        lambda: f"it does not wait: {three.decisions(chosen)}",
    )
    assert [one["decision"] for one in three.decisions(chosen)] == ["wait"]
    assert chosen in three.clusters("nomad")[0].voters, "all three products are looked at before the first is left"
    three.data_center.simulated.unseal(replacement)
    three.wait_until(lambda: under_way(three, "vault", "leave"), 120, lambda: "vault's leave never began")
    three.expire_lease()
    three.wait_until(
        lambda: any("s left" in one["outcome"] for one in three.decisions(chosen)),
        120,
        lambda: "it was not refused",
    )
    three.faults.clear()
    wait_gone(three, chosen)
    three.assert_whole(3)


def test_of_two_that_leave_at_once_one_goes_after_the_other_though_every_event_comes_twice(three: Story) -> None:
    three.scale(servers=5)
    three.settle()
    three.assert_whole(5)
    five = set(three.states("servers"))
    three.chaos.duplicate_events(gap_seconds=0.02)
    three.scale(servers=3)
    three.settle(LONG)
    three.chaos.clear()
    if any(state != "InService" for state in three.states("servers").values()):
        three.sweep()  # the second waited for longer than it is let
        three.settle(LONG)

    three.assert_whole(3)
    gone = five - set(three.states("servers"))
    for product in PRODUCTS:
        removals = Counter(three.clusters(product)[0].removals)
        assert {one: removals[one] for one in gone} == dict.fromkeys(gone, 1), "each left once"
    changes = [one["at"] for one in three.journal() if one["decision"] == "act"]
    assert len(changes) == len(set(changes))
    assert len(three.formations) == 1


def wait_unheard(story: Story, component: str) -> None:
    """Until its leave has ended, and a task waits to hear that."""

    def unheard() -> bool:
        waiting = [one["component"] for one in story.records("command").values() if one["phase"] == "leave"]
        return component in waiting and not under_way(story, component, "leave")

    story.wait_until(unheard, 120, lambda: f"{component}'s leave never ended")


def under_way(story: Story, component: str, phase: str) -> bool:
    return any((sent.component, sent.phase, sent.status) == (component, phase, "InProgress") for sent in story.sent)
