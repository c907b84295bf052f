"""A new client's introduction: who is introduced, by whom, and what of a server's output reaches the client."""

import json
from dataclasses import replace
from typing import Any

import pytest

from lambdas.domain.component import Surroundings
from lambdas.domain.components import component
from lambdas.domain.components.introduction import ENFORCEMENT, introduces
from lambdas.domain.errors import NodeFailed, NodeNotReady
from lambdas.domain.introduction import choose_introducer, hand_on, is_introduced
from lambdas.domain.membership.observation import Server
from lambdas.domain.phases import Phase
from lambdas.domain.plans.joining import plan_introduction, plan_membership
from tests.builders import a_config, a_node, a_site

SEALED = "MIIC" * 400


@pytest.mark.parametrize(
    ("version", "expected"),
    [("1.10.5", False), ("1.9.7", False), ("0.12.0", False), ("1.11.0", True), ("1.11.3", True), ("2.0.5", True)],
)
def test_servers_are_strict_from_the_version_on_that_can_be(version: str, expected: bool) -> None:
    config = a_config(versions={"nomad": version})
    assert introduces(config) is expected
    render = component("nomad").renders[Phase.CONFIGURE]
    for founding in (True, False):
        files = render(config, a_node(config=config), Surroundings(founding=founding)).files
        server = json.loads(files[0].content)["server"]
        assert {"client_introduction": server.get("client_introduction")} == (
            ENFORCEMENT if expected else {"client_introduction": None}
        )
    client = a_node(group="default", config=config)
    assert "client_introduction" not in render(config, client, Surroundings(founding=False)).files[0].content
    assert is_introduced(config, client) is expected
    assert not is_introduced(config, a_node(config=config)), "a server is none of Nomad's clients"


def test_strict_is_what_it_says() -> None:
    assert ENFORCEMENT["client_introduction"]["enforcement"] == "strict"


def servers(*numbers: int, **changes: Any) -> list[Server]:
    serves = changes.pop("serves", ("nomad",))
    return [replace(Server(f"i-{number}", "servers", serves, "in_service"), **changes) for number in numbers]


ALL = {f"i-{number}" for number in range(9)}


def test_any_member_that_answers_introduces() -> None:
    able = [*servers(1), *servers(2, presence="launching")]  # of a cluster that has just been formed
    others = [
        *servers(3, reachable=False),
        *servers(4, presence="leaving"),
        *servers(5, presence="retained"),
        *servers(6, presence="gone"),
        *servers(7, serves=("consul", "vault")),
    ]
    chosen = {choose_introducer([*others, *able], ALL, f"i-client-{number}").instance_id for number in range(50)}
    assert chosen == {"i-1", "i-2"}, "a storm of launches is spread"
    assert len({choose_introducer(able, ALL, "i-c").instance_id for _ in range(9)}) == 1, "asked again, the same"


def test_a_server_that_launches_introduces_nobody_before_it_is_a_member() -> None:
    with pytest.raises(NodeNotReady, match="could introduce i-c"):
        choose_introducer(servers(1, 2, presence="launching"), {"i-3"}, "i-c")


def test_the_request_binds_name_and_pool_and_goes_to_the_server() -> None:
    config = a_config(client_pools=[{"name": "batch", "node_pool": "gpu"}])
    server, client = a_node(config=config), a_node(7, group="batch", config=config)
    plan = plan_introduction(a_site(**config.model_dump(mode="json", exclude={"name"})), server, client, "PEM", "s")
    [command], [parcel] = plan.commands[Phase.INTRODUCE], plan.parcels
    assert (command.instance_id, parcel.instance_id) == (server.instance_id, server.instance_id)
    assert json.loads(parcel.body)["values"] == {
        "request": {"NodeName": client.instance_id, "NodePool": "gpu"},
        "recipient": f"{client.instance_id}.demo.quorate",
        "certificate": "PEM",
    }


def start_of(group: str) -> list[Any]:
    from lambdas.domain.delivery import Delivery

    certificate = Delivery(key="nodes/x", sha256="0" * 64)
    return list(plan_membership(a_site(), a_node(group=group), certificate, "joiner", "s").commands[Phase.START])


def result(printed: object, phase: str = "introduce") -> dict[str, Any]:
    return {"instance_id": "i-1", "component": "nomad", "phase": phase, "result": printed}


@pytest.mark.parametrize("printed", [SEALED, "-"])
def test_what_the_server_printed_reaches_nomad_s_start_and_no_other(printed: str) -> None:
    start = start_of("default")
    handed = hand_on(start, [result({"changed": True}, "configure"), result({"introduction": printed})])
    assert {one.component: one.parameters.get("Introduction") for one in handed} == {"consul": None, "nomad": printed}
    for before, after in zip(start, handed, strict=True):
        assert before.model_dump(exclude={"parameters"}) == after.model_dump(exclude={"parameters"})


def test_without_an_introduction_nothing_changes() -> None:
    for group in ("servers", "default"):
        start = start_of(group)
        assert hand_on(start, [result({"changed": True}, "configure")]) == start
    assert {one.parameters.get("Introduction") for one in start_of("servers")} == {None, "-"}


@pytest.mark.parametrize("printed", [None, 7, [], {}, "", "--", "A" * 50, f"{SEALED}\n", f"{SEALED}$(id)", "A" * 9000])
def test_what_is_no_introduction_starts_nothing(printed: object) -> None:
    with pytest.raises(NodeFailed, match="i-1 printed no introduction"):
        hand_on(start_of("default"), [result({"introduction": printed})])
