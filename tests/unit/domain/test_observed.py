"""Answers of a Map state as the observation that is decided on."""

from typing import Any

from lambdas.domain.membership.observation import Raft, Server, Unknown
from lambdas.domain.observed import observe
from tests.builders import a_config, a_node

ONE, TWO = a_node(1).instance_id, a_node(2).instance_id
SERVERS = [Server(one, "servers", ("consul", "vault", "nomad"), "in_service") for one in (ONE, TWO)]


def asked(instance_id: str, component: str, **more: Any) -> dict[str, Any]:
    return {"commands": [{"instance_id": instance_id, "component": component}], **more}


def answered(instance_id: str, component: str, **changes: Any) -> dict[str, Any]:
    peers = [{"id": one, "name": one, "address": "10.0.0.1:1", "voter": True, "healthy": True} for one in (ONE, TWO)]
    result = {"product": component, "running": True, "known": True, "reason": "it answers", "cluster_id": None}
    result |= {"own_raft_id": instance_id, "leader": ONE, "sealed": None, "peers": peers}
    told = {"instance_id": instance_id, "component": component, "phase": "observe", "result": result | changes}
    return asked(instance_id, component, answers=[told])


def test_answers_make_a_raft_and_silence_makes_an_unknown() -> None:
    silent = asked(TWO, "vault", failure={"Error": "NodeFailed", "Cause": "i-2: vault observe ran out of its time"})
    seen = observe(a_config(), SERVERS, [], [answered(ONE, "consul"), answered(TWO, "consul"), silent])
    assert seen.sizes == {"consul": 3, "vault": 3, "nomad": 3}
    consul, vault, nomad = (seen.rafts[product] for product in ("consul", "vault", "nomad"))
    assert isinstance(consul, Raft)
    assert consul.observers == {ONE, TWO}
    assert isinstance(vault, Unknown)
    assert "ran out of its time" in vault.reason
    assert isinstance(nomad, Unknown), "nobody was asked"


def test_what_was_not_promised_is_silence() -> None:
    seen = observe(a_config(), SERVERS, [], [answered(ONE, "consul", peers="all well")])
    assert isinstance(seen.rafts["consul"], Unknown)
