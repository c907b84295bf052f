"""The models: frozen, complete, and the page about them says what they say."""

from ipaddress import IPv4Network
from typing import Any, get_args

import pytest
from pydantic import ValidationError

from docs.generate_configuration import PAGE, SECTIONS, render
from lambdas.domain.config import Change, ClusterConfig
from lambdas.domain.rules import RULES
from tests.builders import a_config


def test_the_page_about_the_cluster_file_is_the_generated_one(request: pytest.FixtureRequest) -> None:
    if request.config.getoption("--update-golden"):
        PAGE.write_text(render())
    assert PAGE.read_text() == render(), "run `make golden`"


@pytest.mark.parametrize("model", [model for _, _, model in SECTIONS])
def test_every_key_says_what_it_is_and_how_a_change_of_it_takes_effect(model: Any) -> None:
    for field in model.model_fields.values():
        assert field.description
        assert field.json_schema_extra["change"] in get_args(Change)


def test_every_rule_says_what_it_asks() -> None:
    assert all(rule.__doc__ for rule in RULES)


def test_a_cluster_never_changes_under_its_readers() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        a_config().name = "other"  # type: ignore[misc]


def test_a_cluster_made_without_a_file_keeps_the_rules_too() -> None:
    with pytest.raises(ValidationError, match=r"client_pools.0.name: servers is the name of server_groups.0 too"):
        a_config(client_pools=[{"name": "servers"}])


def test_a_cluster_travels_as_json() -> None:
    config = a_config(
        network={
            "kind": "existing",
            "vpc_id": "vpc-0123456789abcdef0",
            "cidr": "10.20.0.0/16",
            "subnet_ids": ["subnet-0123456789abcdef0"],
            "availability_zones": ["eu-west-1a"],
        }
    )
    assert config.network.cidr == IPv4Network("10.20.0.0/16")
    assert ClusterConfig.model_validate_json(config.model_dump_json()) == config


def test_voters_of_a_product_are_the_servers_of_all_groups_that_serve_it() -> None:
    config = a_config(
        server_groups=[
            {"name": "consul", "serves": ["consul"], "size": 5},
            {"name": "rest", "serves": ["vault", "nomad"], "size": 3},
        ]
    )
    assert {product: config.voters(product) for product in ("consul", "vault", "nomad")} == {
        "consul": 5,
        "vault": 3,
        "nomad": 3,
    }


def test_zones_are_the_regions_first_three_unless_named() -> None:
    assert a_config(region="us-east-1").zones == ("us-east-1a", "us-east-1b", "us-east-1c")
    named = a_config(network={"kind": "new", "availability_zones": ["eu-west-1c"]})
    assert named.zones == ("eu-west-1c",)
