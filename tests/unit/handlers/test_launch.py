"""What a launch leaves in the table about a server, and what the next one with its address makes of it."""

from typing import Any

import pytest

from lambdas.aws import members
from lambdas.aws.members import Member
from lambdas.domain.errors import NodeNotReady
from lambdas.handlers.await_formation import see_address_is_free
from lambdas.handlers.complete_launch import as_member
from lambdas.settings import Settings
from tests.builders import a_node


def verified(component: str, **result: Any) -> dict[str, Any]:
    return {"instance_id": a_node().instance_id, "component": component, "phase": "verify", "result": result}


def test_a_member_is_known_by_what_its_products_told() -> None:
    told = [
        verified("consul", voter=True, raft_id="c-1", cluster_id="c"),
        verified("vault", voter=True, raft_id="v-1", cluster_id=None),
        verified("nomad", voter=True),
    ]
    node = a_node()
    assert as_member(node, told) == Member(
        node.instance_id, "servers", node.serves, node.private_ip, {"consul": "c-1", "vault": "v-1"}, {"consul": "c"}
    )


def test_an_address_is_free_once_the_goodbye_of_its_last_member_is_over(settings: Settings) -> None:
    node, before = a_node(1), a_node(2)
    see_address_is_free(settings.table_name, node)
    members.write(settings.table_name, Member(before.instance_id, "servers", ("consul",), node.private_ip))
    with pytest.raises(NodeNotReady, match=rf"{node.private_ip} is still the address of {before.instance_id}"):
        see_address_is_free(settings.table_name, node)
    members.forget(settings.table_name, before.instance_id)
    see_address_is_free(settings.table_name, node)


def test_a_server_that_comes_again_has_its_own_address(settings: Settings) -> None:
    node = a_node()
    members.write(settings.table_name, Member(node.instance_id, "servers", ("consul",), node.private_ip))
    see_address_is_free(settings.table_name, node)
