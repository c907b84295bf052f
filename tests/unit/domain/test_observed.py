"""Answers of a Map state as the observation that is decided on."""

from typing import Any

import pytest

from lambdas.domain.membership.observation import Raft, Server, Unknown
from lambdas.domain.observed import observe
from tests.builders import a_config, a_node

ONE, TWO = a_node(1).instance_id, a_node(2).instance_id
SERVERS = [Server(one, "servers", ("consul", "vault", "nomad"), "in_service") for one in (ONE, TWO)]


def asked(instance_id: str, *products: str, **more: Any) -> dict[str, Any]:
    return {"commands": [{"instance_id": instance_id, "parameters": {"Serves": ",".join(products)}}], **more}


def answered(instance_id: str, **reports: Any) -> dict[str, Any]:
    told = {"instance_id": instance_id, "component": "node", "phase": "observe", "result": reports}
    return asked(instance_id, "consul", "vault", answers=[told])


def a_report(instance_id: str, **changes: Any) -> dict[str, Any]:
    peers = [{"id": one, "name": one, "address": "10.0.0.1:1", "voter": True, "healthy": True} for one in (ONE, TWO)]
    report = {"running": True, "known": True, "reason": "it answers", "cluster_id": None}
    return report | {"own_raft_id": instance_id, "leader": ONE, "sealed": None, "peers": peers} | changes


def test_answers_make_a_raft_and_silence_makes_an_unknown() -> None:
    lost = {"known": False, "leader": None, "peers": [], "reason": "vault did not tell within 45 s"}
    answers = [answered(one, consul=a_report(one), vault=a_report(one, **lost)) for one in (ONE, TWO)]
    seen = observe(a_config(), SERVERS, [], answers)
    assert seen.sizes == {"consul": 3, "vault": 3, "nomad": 3}
    consul, vault, nomad = (seen.rafts[product] for product in ("consul", "vault", "nomad"))
    assert isinstance(consul, Raft)
    assert consul.observers == {ONE, TWO}
    assert isinstance(vault, Unknown)
    assert "did not tell within 45 s" in vault.reason
    assert isinstance(nomad, Unknown), "nobody was asked"


def test_a_server_that_does_not_answer_is_silent_about_all_that_it_serves() -> None:
    silent = asked(TWO, "consul", "vault", failure={"Error": "NodeFailed", "Cause": "node observe ran out of its time"})
    seen = observe(a_config(), SERVERS, [], [silent])
    reasons = {product: raft.reason for product, raft in seen.rafts.items() if isinstance(raft, Unknown)}
    assert [product for product, reason in reasons.items() if "ran out of its time" in reason] == ["consul", "vault"]
    assert "none was asked" in reasons["nomad"]


@pytest.mark.parametrize("told", [{"consul": "all well"}, {"consul": a_report(ONE, peers="all well")}, {}])
def test_what_was_not_promised_is_silence(told: dict[str, Any]) -> None:
    seen = observe(a_config(), SERVERS, [], [answered(ONE, **told)])
    consul = seen.rafts["consul"]
    assert isinstance(consul, Unknown)
    assert "not the promised JSON" in consul.reason
