"""From an empty account to a cluster: three servers and a client, one server, five, a group for each product."""

from collections import Counter
from collections.abc import Iterator

import pytest

from lab.bench.launches import launched, per_client, per_server
from lambdas.domain.phases import Phase
from tests.integration.conftest import Open
from tests.integration.story import Story

SERVER_PATH = [
    "PlanLaunch",
    "AwaitAgent",
    "Install",
    "SignCertificate",
    "AwaitFormation",
    "PlanMembership",
    "Configure",
    "PlanStart",
    "Start",
    "Verify",
    "CompleteLaunch",
    "Done",
]
FORMATION_PATH = ["BeginFormation", "Secrets", "Configure", "Start", "Bootstrap", "CompleteFormation", "Formed"]

MOST_TRANSITIONS = {"server": 60, "client": 45}
MOST_ROUNDS = {"server": 6, "client": 5}


@pytest.fixture(scope="module")
def three(tell: Open) -> Iterator[Story]:
    """Nobody changes it."""
    with tell("three") as formed:
        yield formed.settle()


def outer(states: list[str]) -> list[str]:
    """Without those inside of a Map."""
    return [state for state in states if state != "Send"]


def test_three_servers_and_a_client_become_a_cluster(three: Story) -> None:

    assert three.formation()["status"] == "formed"
    assert set(three.states("servers").values()) == {"InService"}
    assert set(three.states("default").values()) == {"InService"}
    three.assert_one_cluster()

    [formation] = three.formations
    assert (formation.name, formation.status) == ("three-g1-a1", "SUCCEEDED")
    assert outer(formation.states_entered) == FORMATION_PATH
    launches = three.launches()
    assert [launch.status for launch in launches] == ["SUCCEEDED"] * 4
    assert all(outer(launch.states_entered) == SERVER_PATH for launch in launches)
    founders = {member["instance_id"] for member in three.records("formation")["record"]["members"]}
    assert founders == set(three.states("servers"))
    assert three.records("arrival") == {}
    assert three.records("breaker") == {}


def test_forming_costs_few_transitions_and_few_rounds(three: Story) -> None:
    name = three.config.name
    transitions, rounds = per_server(three.aws, name)
    assert transitions <= MOST_TRANSITIONS["server"]
    assert rounds <= MOST_ROUNDS["server"]
    transitions, rounds = per_client(launched(three.aws, name, "client"))
    assert transitions <= MOST_TRANSITIONS["client"]
    assert rounds <= MOST_ROUNDS["client"]
    # What a server does for a client's launch is that client's.
    for node in three.states("servers"):
        own = {sent.phase for sent in three.sent if sent.instance_id == node} - {Phase.INTRODUCE}
        assert len(own) <= MOST_ROUNDS["server"]


def test_every_command_is_sent_once_and_each_hook_answered_once(three: Story) -> None:
    assert set(Counter(sent.work for sent in three.sent).values()) == {1}
    assert {sent.status for sent in three.sent} == {"Success"}
    assert three.calls("complete_launch")["autoscaling:CompleteLifecycleAction"] == 4
    # Several may see the set complete at once; they start one execution, by its name.
    assert 1 <= three.calls("await_formation")["stepfunctions:StartExecution"] <= 3
    assert len(three.formations) == 1


def test_only_formation_says_bootstrap_expect(three: Story) -> None:
    founders, clients = three.states("servers"), three.states("default")
    assert {three.expects(node, product) for node in founders for product in ("consul", "nomad")} == {3}
    assert {three.expects(node, product) for node in clients for product in ("consul", "nomad")} == {None}
