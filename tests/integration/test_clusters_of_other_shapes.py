"""One server, five, a group of servers for each product."""

from collections.abc import Iterator

import pytest

from lambdas.domain.config import PRODUCTS
from tests.integration.conftest import Open
from tests.integration.story import Story


def test_one_server_is_a_cluster(story: Open) -> None:
    alone = story("alone").settle()
    assert set(alone.states("servers").values()) == {"InService"}
    alone.assert_one_cluster()
    assert alone.expects(*alone.states("servers"), product="consul") == 1


def test_five_servers_become_a_cluster(story: Open) -> None:
    five = story("five").settle()
    assert list(five.states("servers").values()) == ["InService"] * 5
    five.assert_one_cluster()
    assert len(five.formations) == 1


@pytest.fixture(scope="module")
def apart(tell: Open) -> Iterator[Story]:
    with tell("apart") as formed:
        yield formed.settle()


def test_a_group_of_servers_for_each_product_becomes_a_cluster(apart: Story) -> None:
    assert {group: len(apart.states(group)) for group in ("consul", "vault", "nomad", "jobs")} == {
        "consul": 3,
        "vault": 3,
        "nomad": 1,
        "jobs": 1,
    }
    apart.assert_one_cluster()
    assert [formation.status for formation in apart.formations] == ["SUCCEEDED"]
    vault = min(apart.states("vault"))
    installed = {sent.component for sent in apart.sent if sent.instance_id == vault and sent.phase == "install"}
    assert installed == {"ca", "consul", "vault"}, "a server of Vault has Consul as a client, and no Nomad"
    assert apart.expects(vault, "consul") is None


def test_a_server_of_each_group_goes_when_its_replacement_votes_in_its_own_product(apart: Story) -> None:
    """All three at once. Nomad is one server: 1, 2, 1. Its Consul, which is a client there, goes last, and so does
    Vault's."""
    leaving = {product: min(apart.states(product)) for product in PRODUCTS}
    for server in leaving.values():
        apart.terminate(server)
    apart.settle(180)

    apart.assert_one_cluster()
    for product, server in leaving.items():
        serving = apart.states(product)
        assert server not in serving
        assert set(serving.values()) == {"InService"}
        [raft] = apart.clusters(product)
        assert set(raft.peers) == set(raft.voters) == set(serving), "servers of the other groups are no peers of it"
        assert raft.removals == [server]
        assert apart.decisions(server)[-1]["decision"] == "release"
        left = [one.component for one in apart.sent_changes if (one.instance_id, one.phase) == (server, "leave")]
        assert left == ([product] if product == "consul" else [product, "consul"])
    assert_all_are_known(apart)


def test_of_a_server_that_dies_the_servers_of_consul_forget_the_agent(apart: Story) -> None:
    server = max(apart.states("vault"))
    apart.aws.client("ec2").terminate_instances(InstanceIds=[server])
    apart.settle(180)

    apart.assert_one_cluster()
    assert server not in apart.states("vault")
    assert "leave" not in {one.phase for one in apart.sent if one.instance_id == server}, "nobody was there to leave"
    assert apart.decisions(server)[-1]["decision"] == "release"
    assert_all_are_known(apart)


def assert_all_are_known(apart: Story) -> None:
    """The records, and Consul's list of agents, have just those that are in service."""
    members = {member for product in PRODUCTS for member in apart.states(product)}
    assert set(apart.records("member")) == members
    [consul] = apart.clusters("consul")
    assert consul.clients == (members | set(apart.states("jobs"))) - set(apart.states("consul"))
