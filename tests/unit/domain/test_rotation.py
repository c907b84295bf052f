"""Who has to follow, who is asked, and when a stage is over."""

import pytest
from pydantic import ValidationError

from lambdas.domain.membership.observation import Presence, Server
from lambdas.domain.rotation import STAGES, Request, Rotation, choose_server, everybody, read_answers

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
    assert bool(everybody([a_server("i-1", presence)], "consul")) is counts


def test_clients_are_in_consuls_gossip_and_not_in_nomads() -> None:
    nodes = [a_server("i-2"), a_server("i-1", serves=()), a_server("i-3", serves=("consul",))]
    assert everybody(nodes, "consul") == ("i-1", "i-2", "i-3")
    assert everybody(nodes, "nomad") == ("i-2",)


def test_another_server_is_asked_each_turn_and_none_that_cannot_answer() -> None:
    nodes = [a_server("i-2"), a_server("i-1"), a_server("i-3", reachable=False), a_server("i-4", "leaving")]
    asked = [choose_server(nodes, "nomad", turn) for turn in (1, 2, 3)]
    assert [one.instance_id for one in asked if one] == ["i-2", "i-1", "i-2"]
    assert choose_server([a_server("i-1", serves=("vault",))], "consul", 1) is None


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
