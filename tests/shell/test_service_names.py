"""The way of Consul's names into a node: by systemd-resolved, which every program asks, or a word that it is not so."""

import pytest

from tests.shell.world import MEMBER, SITUATIONS, World

UPLINK = "nameserver 10.0.0.2\n"


def configure(world: World):
    return world.run("consul", "configure", SITUATIONS["consul", "configure"](world))


def test_systemd_resolved_reads_its_configuration_once(world: World) -> None:
    parameters = SITUATIONS["consul", "configure"](world)
    for _ in range(2):
        assert world.run("consul", "configure", parameters).exit_code == 0
    assert world.node.calls().count("systemctl restart systemd-resolved") == 1


def test_a_node_without_it_is_told(world: World) -> None:
    parameters = SITUATIONS["consul", "configure"](world)
    world.node.without("resolvectl")
    ended = world.run("consul", "configure", parameters)
    assert (ended.exit_code, ended.result) == (69, {"reason": "missing on this node: systemd-resolved"})


def test_programs_that_ask_the_resolvers_behind_it_are_sent_to_it(world: World) -> None:
    """As on Amazon Linux, where resolv.conf names these."""
    file = world.path("/etc/resolv.conf")
    behind, stub = (world.path(f"/run/systemd/resolve/{name}") for name in ("resolv.conf", "stub-resolv.conf"))
    behind.write_text(UPLINK)
    stub.write_text("nameserver 127.0.0.53\n")
    file.unlink()
    file.symlink_to("../run/systemd/resolve/resolv.conf")
    for _ in range(2):
        assert configure(world).exit_code == 0
        assert file.resolve() == stub


def test_a_resolv_conf_of_somebody_else_is_left_alone(world: World) -> None:
    file = world.path("/etc/resolv.conf")
    file.write_text(UPLINK)
    ended = configure(world)
    assert ended.exit_code == 69
    assert "not systemd-resolved's" in ended.result["reason"]
    assert file.read_text() == UPLINK


@pytest.mark.parametrize("kind", ["server", "client"])
def test_a_node_on_which_they_lead_nowhere_is_not_verified(world: World, kind: str) -> None:
    parameters = SITUATIONS["consul", "verify"](world)
    world.path("/.names").unlink()
    world.node.time_flies = True
    ended = world.run("consul", "verify", {**parameters, **MEMBER, "Kind": kind})
    assert ended.exit_code == 75
    assert "the name consul.service.consul leads nowhere" in ended.result["reason"]
