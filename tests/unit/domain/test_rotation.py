"""Who has to follow, who is asked, and when a stage is over."""

import pytest
from pydantic import ValidationError

from lambdas.domain.membership.observation import Presence, Server
from lambdas.domain.phases import Phase
from lambdas.domain.rotation import (
    BATCH,
    STAGES,
    Request,
    Rotation,
    Stage,
    choose,
    everybody,
    read_answers,
    read_followers,
)

INSTALL, ADOPT = Stage("consul", Phase.REKEY, "install"), Stage("nomad", Phase.ADOPT)
NAMES = ("consul rekey install", "consul rekey use", "consul rekey remove")


def a_server(
    name: str, presence: Presence = "in_service", *, serves: tuple = ("consul", "nomad"), reachable: bool = True
):
    return Server(name, "servers", serves, presence, "10.77.0.1", reachable)


def test_every_key_is_installed_before_it_is_used_and_used_before_the_old_one_goes() -> None:
    for product in ("consul", "nomad"):
        steps = [stage.step for stage in STAGES["gossip"] if stage.product == product]
        assert steps == ["install", "use", "remove"]


@pytest.mark.parametrize(
    ("presence", "counts"),
    [("launching", True), ("in_service", True), ("retained", True), ("leaving", False), ("gone", False)],
)
def test_who_stays_has_to_follow(presence: Presence, counts: bool) -> None:
    assert bool(everybody([a_server("i-1", presence)], INSTALL)) is counts


def test_clients_are_in_consuls_gossip_and_not_in_nomads_and_use_tokens_of_both() -> None:
    nodes = [a_server("i-2"), a_server("i-1", serves=()), a_server("i-3", serves=("consul",))]
    assert everybody(nodes, INSTALL) == ("i-1", "i-2", "i-3")
    assert everybody(nodes, Stage("nomad", Phase.REKEY, "use")) == ("i-2",)
    assert everybody(nodes, ADOPT) == ("i-1", "i-2"), "no Nomad runs on a server of Consul alone"


def test_another_server_is_asked_each_turn_and_none_that_cannot_answer() -> None:
    nodes = [a_server("i-2"), a_server("i-1"), a_server("i-3", reachable=False), a_server("i-4", "leaving")]
    chosen = [choose(nodes, INSTALL, (), turn) for turn in (1, 2, 3)]
    assert [one.nodes[0].instance_id for one in chosen] == ["i-2", "i-1", "i-2"]
    assert all(one.fenced and not one.over for one in chosen)
    assert choose([a_server("i-1", serves=("vault",))], INSTALL, (), 1).nodes == ()


def test_clients_go_first_and_together_and_servers_one_by_one_under_the_lease() -> None:
    nodes = [a_server(f"i-{number}", serves=() if number > 3 else ("nomad",)) for number in range(1, 20)]
    first = choose(nodes, ADOPT, (), 1)
    assert (len(first.nodes), first.fenced) == (BATCH, False)
    followed = {f"i-{number}" for number in range(4, 20)}
    servers = [choose(nodes, ADOPT, followed, turn) for turn in (1, 2)]
    assert [[one.instance_id for one in choice.nodes] for choice in servers] == [["i-2"], ["i-3"]]
    assert all(choice.fenced for choice in servers)
    last = choose(nodes, ADOPT, followed | {"i-1", "i-2", "i-3"}, 3)
    assert (last.nodes, last.over) == ((), True)


def test_a_batch_that_does_not_answer_does_not_hold_up_the_others() -> None:
    nodes = [a_server(f"i-{number:02}", serves=()) for number in range(3 * BATCH)]
    asked = {node.instance_id for turn in (1, 2, 3) for node in choose(nodes, ADOPT, (), turn).nodes}
    assert len(asked) == 3 * BATCH


def test_who_has_followed_is_read_node_by_node() -> None:
    asked = [
        {"commands": [{"instance_id": "i-1"}], "answers": [{"result": {"done": True, "reason": "it does"}}]},
        {"commands": [{"instance_id": "i-2"}], "failure": {"Error": "NodeNotReady", "Cause": "offline"}},
    ]
    assert read_followers(asked) == ({"i-1"}, "i-2: NodeNotReady: offline")
    assert read_followers(asked[:1]) == ({"i-1"}, "1 nodes have followed")


@pytest.mark.parametrize(
    ("item", "answer"),
    [
        ({"answers": [{"result": {"done": True, "reason": "all have it"}}]}, (True, "all have it")),
        ({"answers": [{"result": {"done": False, "reason": "i-9 is silent"}}]}, (False, "i-9 is silent")),
        ({"answers": [{"result": {"changed": False, "reason": "the lease is over"}}]}, (False, "the lease is over")),
        ({"answers": [{"result": {"done": "true"}}]}, (False, "the node did not say what it did")),
        ({"answers": [{"result": None}]}, (False, "the node did not say what it did")),
        ({"failure": {"Error": "NodeFailed", "Cause": "exit 70"}, "commands": []}, (False, "NodeFailed: exit 70")),
    ],
)
def test_a_stage_is_over_when_a_node_says_so_and_only_then(item, answer) -> None:
    assert read_answers([item]) == answer


def test_an_answer_of_nobody_ends_nothing() -> None:
    assert read_answers([]) == (False, "nobody was asked")


def test_a_rotation_is_over_after_its_last_stage() -> None:
    rotation = Rotation(number=1, execution="e", stages=NAMES, at=2, since=0)
    assert rotation.stage is not None
    assert rotation.stage.name == "consul rekey remove"
    assert rotation.model_copy(update={"at": 3}).stage is None
    assert rotation.told("demo", "wait", "i-9 is silent").node == "consul"


def test_all_is_asked_for_unless_told_and_what_there_is_not_is_refused() -> None:
    assert Request().stages == tuple(stage.name for stages in STAGES.values() for stage in stages)
    assert Request(secrets=("gossip", "gossip")).stages == tuple(stage.name for stage in STAGES["gossip"])
    with pytest.raises(ValidationError, match="secrets"):
        Request.model_validate({"secrets": ["everything"]})
    with pytest.raises(ValidationError, match="kinds"):
        Request.model_validate({"kinds": ["gossip"]})
