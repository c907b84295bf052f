"""Vault that KMS does not unseal: servers read the key shares themselves, when they come and when a sweep finds one."""

from collections.abc import Iterator

import pytest

from lab.leak_hunt import account, hunt, secret_values
from tests.integration.conftest import Open
from tests.integration.story import Story

LONG = 300.0


@pytest.fixture(scope="module")
def shares(tell: Open) -> Iterator[Story]:
    """Each test leaves three servers, all of them unsealed."""
    with tell("shares") as formed:
        yield formed.settle()


def reboot(story: Story, *servers: str) -> None:
    simulated = story.data_center.simulated
    for server in servers:
        simulated.stop_product(server, "vault")
    for server in servers:
        simulated.start_product(server, "vault")


def sealed(story: Story) -> set[str]:
    return set(story.data_center.simulated.world.servers["vault"].sealed)


def found(story: Story) -> list[tuple[str, str]]:
    return [(one["decision"], one["node"]) for one in story.journal() if one["what"] == "sweep"]


def test_a_cluster_forms_and_a_server_is_replaced_without_a_human(shares: Story) -> None:
    shares.assert_whole(3)
    assert sealed(shares) == set()
    old = min(shares.states("servers"))
    shares.terminate(old)
    shares.settle(LONG)
    assert old not in shares.states("servers")
    shares.assert_whole(3)
    assert sealed(shares) == set()


def test_a_server_that_rebooted_is_unsealed_by_the_next_sweep(shares: Story) -> None:
    server = max(shares.states("servers"))
    reboot(shares, server)
    assert sealed(shares) == {server}
    shares.sweep()
    shares.settle(LONG)
    assert sealed(shares) == set()
    assert ("unseal", server) in found(shares)
    shares.sweep()
    shares.settle(LONG)
    shares.assert_whole(3)


def test_all_servers_that_rebooted_at_once_are_unsealed_though_nobody_tells_the_membership(shares: Story) -> None:
    servers = set(shares.states("servers"))
    reboot(shares, *servers)
    assert sealed(shares) == servers
    shares.sweep()
    shares.settle(LONG)
    assert sealed(shares) == set()
    shares.assert_whole(3)


def test_no_share_is_in_a_history_a_parameter_or_an_output(shares: Story) -> None:
    secrets = secret_values(shares.aws.client("secretsmanager"))
    assert len([name for name in secrets if "recovery-keys" in str(name)]) >= 1
    assert hunt(secrets, account.places(shares, shares.log)) == []
