"""Whom a simulated Nomad server lets in as a client."""

import json
import time

import pytest

from lab.hosts.seam import Ran
from lab.hosts.simulated.introductions import FILE
from tests.unit.lab.test_simulated_hosts import Bench, bench

__all__ = ["bench"]

JOIN = {"retry_join": ["provider=aws tag_key=serves tag_value=demo"], "node_pool": "default"}


def nomad(bench: Bench, enforcement: str = "strict") -> str:
    """A server."""
    server = bench.boot(1)
    assert bench.install(server, "nomad").exit_code == 0
    bench.hosts.world.hosts[server].installed["nomad"] = "1.11.3"
    content = {**JOIN, "bootstrap_expect": 1, "client_introduction": {"enforcement": enforcement}}
    assert bench.configure(server, "nomad", content).exit_code == 0
    assert bench.run(server, "nomad", "start", Kind="server").exit_code == 0
    return server


def client(bench: Bench, number: int = 2, pool: str = "default") -> str:
    """A node that is ready to start."""
    node = bench.boot(number)
    assert bench.install(node, "nomad").exit_code == 0
    assert bench.configure(node, "nomad", JOIN | {"node_pool": pool}, kind="client").exit_code == 0
    return node


def introduce(bench: Bench, server: str, node: str, pool: str = "default", sealed_to: str | None = None) -> str:
    asked = {"request": {"NodeName": node, "NodePool": pool}, "recipient": f"{sealed_to or node}.demo.quorate"}
    ran = bench.deliver(server, "nomad", "introduce", {"files": [], "values": asked})
    return str(json.loads(ran.stdout)["introduction"])


def start(bench: Bench, node: str, introduction: str = "-") -> Ran:
    return bench.run(node, "nomad", "start", Kind="client", Introduction=introduction)


def verify(bench: Bench, node: str) -> Ran:
    return bench.run(node, "nomad", "verify", Kind="client")


def test_one_that_is_introduced_is_let_in_and_comes_back_without(bench: Bench) -> None:
    server, node = nomad(bench), client(bench)
    assert start(bench, node, introduce(bench, server, node)).exit_code == 0
    assert FILE in bench.hosts.world.hosts[node].files
    assert json.loads(verify(bench, node).stdout)["ready"]
    assert FILE not in bench.hosts.world.hosts[node].files
    [raft] = bench.hosts.world.servers["nomad"].clusters
    raft.clients.discard(node)  # purged, while its own state has its identity
    bench.hosts.stop_product(node, "nomad")
    assert start(bench, node).exit_code == 0
    assert verify(bench, node).exit_code == 0


def test_one_that_is_not_is_refused(bench: Bench) -> None:
    nomad(bench)
    node = client(bench)
    assert start(bench, node).exit_code == 0, "its agent runs"
    ended = verify(bench, node)
    assert ended.exit_code == 70
    assert "refuse to register this client" in ended.stdout


@pytest.mark.parametrize("enforcement", ["warn", "none"])
def test_servers_that_are_not_strict_let_everybody_in(bench: Bench, enforcement: str) -> None:
    nomad(bench, enforcement)
    node = client(bench)
    assert start(bench, node).exit_code == 0
    assert verify(bench, node).exit_code == 0


def test_it_is_good_for_its_own_name_and_pool_alone(bench: Bench) -> None:
    server = nomad(bench)
    for number, changes in enumerate(({"node": "i-somebody-else"}, {"pool": "gpu"}), start=2):
        node = client(bench, number)
        given = introduce(bench, server, changes.get("node", node), changes.get("pool", "default"), sealed_to=node)
        assert start(bench, node, given).exit_code == 0
        assert verify(bench, node).exit_code == 70


def test_it_is_opened_by_no_other_node(bench: Bench) -> None:
    server, node = nomad(bench), client(bench)
    ended = start(bench, node, introduce(bench, server, "i-somebody-else"))
    assert ended.exit_code == 70
    assert "not sealed to this node" in ended.stdout


def test_it_ends(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    server, node = nomad(bench), client(bench)
    late, in_time = client(bench, 3), introduce(bench, server, node)
    assert start(bench, node, in_time).exit_code == 0
    given, now = introduce(bench, server, late), time.monotonic()
    monkeypatch.setattr(time, "monotonic", lambda: now + 3600)
    ended = start(bench, late, given)
    assert ended.exit_code == 70
    assert "has ended before its Nomad started" in ended.stdout
