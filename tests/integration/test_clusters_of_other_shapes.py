"""One server, five, a group of servers for each product."""

from tests.integration.conftest import Open


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


def test_a_group_of_servers_for_each_product_becomes_a_cluster(story: Open) -> None:
    apart = story("apart").settle()
    assert {group: len(apart.states(group)) for group in ("consul", "vault", "nomad", "jobs")} == {
        "consul": 3,
        "vault": 1,
        "nomad": 1,
        "jobs": 1,
    }
    apart.assert_one_cluster()
    assert [formation.status for formation in apart.formations] == ["SUCCEEDED"]
    [vault] = apart.states("vault")
    installed = {sent.component for sent in apart.sent if sent.instance_id == vault and sent.phase == "install"}
    assert installed == {"ca", "consul", "vault"}, "a server of Vault has Consul as a client, and no Nomad"
    assert apart.expects(vault, "consul") is None
