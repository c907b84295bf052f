"""What a goodbye runs on simulated hosts: looking, handing over, leaving, removing, draining, and refusing to."""

import json
import threading
import time
from typing import Any

import pytest

from lab.hosts.seam import Ran
from tests.unit.lab.test_simulated_hosts import VAULT_BOOTSTRAP, Bench, bench

__all__ = ["bench"]


@pytest.fixture
def servers(bench: Bench) -> list[str]:
    """Three voters of Consul; the first leads."""
    return [bench.server(number) for number in (1, 2, 3)]


def told(ran: Ran) -> dict[str, Any]:
    assert ran.exit_code == 0, ran.stdout
    found = json.loads(ran.stdout)
    assert isinstance(found, dict)
    return found


def observe(bench: Bench, instance_id: str, product: str = "consul") -> dict[str, Any]:
    found = told(bench.run(instance_id, "node", "observe", Serves=product))[product]
    assert isinstance(found, dict)
    return found


def refusal(ran: Ran) -> str:
    answer = told(ran)
    assert answer["changed"] is False
    return str(answer["reason"])


def test_each_server_tells_the_same_membership_by_its_leader(bench: Bench, servers: list[str]) -> None:
    views = [observe(bench, server) for server in servers]
    ids = [bench.raft_id("consul", server) for server in servers]
    assert [view["own_raft_id"] for view in views] == ids
    assert {(view["known"], view["leader"], view["cluster_id"] is not None) for view in views} == {(True, ids[0], True)}
    assert views[0]["peers"] == views[1]["peers"]
    assert views[0]["peers"][1] == {
        "id": ids[1],
        "name": servers[1],
        "address": "10.77.0.2:8300",
        "voter": True,
        "healthy": True,
    }


def test_a_server_that_is_cut_off_does_not_know_and_the_others_find_it_unhealthy(
    bench: Bench, servers: list[str]
) -> None:
    bench.hosts.partition(servers[0])
    alone = observe(bench, servers[0])
    assert (alone["running"], alone["known"], alone["peers"]) == (True, False, [])
    assert "No cluster leader" in alone["reason"]
    other = observe(bench, servers[1])
    assert {peer["name"]: peer["healthy"] for peer in other["peers"]} == {
        servers[0]: False,
        servers[1]: True,
        servers[2]: True,
    }
    bench.hosts.heal()
    assert observe(bench, servers[0])["known"]


def test_a_product_that_is_stopped_says_so_and_starts_again(bench: Bench, servers: list[str]) -> None:
    bench.hosts.stop_product(servers[1], "consul")
    assert observe(bench, servers[1]) | {"peers": []} == {
        "running": False,
        "known": False,
        "reason": "consul does not run here",
        "cluster_id": None,
        "own_raft_id": None,
        "leader": None,
        "sealed": None,
        "peers": [],
    }
    bench.hosts.start_product(servers[1], "consul")
    assert observe(bench, servers[1])["known"]


def test_a_sealed_vault_has_no_vote(bench: Bench) -> None:
    vaults = [bench.server(number, "vault", expect=None) for number in (1, 2, 3)]
    bench.run(vaults[0], "vault_init", "secrets", Generation="1")
    bench.deliver(vaults[0], "vault_init", "bootstrap", VAULT_BOOTSTRAP, Generation="1")
    for vault in vaults:
        bench.run(vault, "vault", "verify", Kind="server")
    bench.hosts.seal(vaults[1])
    seen = observe(bench, vaults[1], "vault")
    assert (seen["sealed"], seen["known"], seen["running"]) == (True, False, True)
    other = observe(bench, vaults[0], "vault")
    assert (other["sealed"], other["leader"]) == (False, vaults[0])
    assert [peer["name"] for peer in other["peers"] if not peer["healthy"]] == [vaults[1]]


def test_a_leader_hands_over_and_then_leaves(bench: Bench, servers: list[str]) -> None:
    own = bench.raft_id("consul", servers[0])
    assert refusal(bench.change(servers[0], "consul", "leave", own)) == "this server leads consul: it hands over first"
    assert told(bench.change(servers[0], "consul", "hand_over", own)) == {
        "changed": True,
        "reason": f"{servers[1]} leads consul",
    }
    assert "does not lead" in refusal(bench.change(servers[0], "consul", "hand_over", own))
    assert told(bench.change(servers[0], "consul", "leave", own))["changed"]
    assert bench.clusters("consul") == [(servers[1], servers[2])]
    assert refusal(bench.change(servers[0], "consul", "leave", own)) == "consul does not run here"


def test_only_the_newest_turn_with_time_enough_left_changes_anything(bench: Bench, servers: list[str]) -> None:
    def leave() -> Ran:
        return bench.change(servers[2], "consul", "leave", bench.raft_id("consul", servers[2]))

    bench.hold_lease(fencing=2)
    assert refusal(leave()) == "this command is of turn 1 of the membership lease, which is at 2"
    bench.hold_lease(owner=None, seconds=-1)
    assert refusal(leave()) == "turn 1 of the membership lease is over"
    bench.hold_lease(seconds=40)
    assert "and a change takes up to 60" in refusal(leave())
    assert bench.clusters("consul") == [tuple(servers)]
    bench.hold_lease()
    assert told(leave())["changed"]


def test_nobody_leaves_a_quorum_that_would_not_bear_it(bench: Bench, servers: list[str]) -> None:
    last = servers[2]
    own = bench.raft_id("consul", last)
    few = bench.change(last, "consul", "leave", own, FewestVoters="3")
    assert refusal(few) == "2 voters would remain, and 3 have to"
    spare = bench.change(last, "consul", "leave", own, SpareVoters="1")
    assert refusal(spare) == "2 of the 2 voters that remain are healthy, 3 have to be"
    bench.hosts.kill(servers[1])
    assert "1 of the 2 voters that remain are healthy" in refusal(bench.change(last, "consul", "leave", own))
    bench.hosts.kill(servers[0])
    assert refusal(bench.change(last, "consul", "leave", own)).startswith("the membership is unknown")


def test_a_peer_that_is_gone_is_removed_by_id_and_one_that_lives_is_not(bench: Bench, servers: list[str]) -> None:
    gone = bench.raft_id("consul", servers[2])
    assert refusal(bench.change(servers[0], "consul", "remove", gone)) == f"{gone} lives: it has to leave by itself"
    bench.hosts.terminate(servers[2])
    assert told(bench.change(servers[0], "consul", "remove", gone, Subject=servers[2]))["changed"]
    assert bench.clusters("consul") == [(servers[0], servers[1])]
    again = bench.change(servers[0], "consul", "remove", gone, Subject=servers[2])
    assert refusal(again) == f"consul knows nothing of {servers[2]}"


def test_a_server_of_nomad_that_leaves_is_out_before_it_stops(bench: Bench) -> None:
    nomads = [bench.server(number, "nomad") for number in (1, 2, 3)]
    own = bench.raft_id("nomad", nomads[2])
    assert told(bench.change(nomads[2], "nomad", "leave", own))["changed"]
    assert bench.clusters("nomad") == [(nomads[0], nomads[1])]
    with pytest.raises(LookupError):
        bench.hosts.start_product(nomads[2], "nomad")
    assert "knows nothing" in refusal(bench.change(nomads[0], "nomad", "remove", own))


def test_a_client_drains_leaves_and_is_taken_off_the_list(bench: Bench) -> None:
    nomads = [bench.server(number, "nomad") for number in (1, 2, 3)]
    client = bench.boot(4)
    bench.install(client, "nomad")
    bench.configure(client, "nomad", {"retry_join": ["provider=aws tag_key=serves tag_value=demo"]}, kind="client")
    assert bench.run(client, "nomad", "start", Kind="client").exit_code == 0
    host = bench.hosts.world.hosts[client]
    host.allocations, host.allocations_move_in_seconds = 3, 0.05
    asked = {"Subject": client, "DeadlineSeconds": "900"}
    assert told(bench.run(nomads[0], "nomad", "drain", **asked)) == {"draining": True, "allocations": 3}
    time.sleep(0.06)
    assert told(bench.run(nomads[1], "nomad", "drain", **asked)) == {"draining": False, "allocations": 0}
    nobody = {"kind": "client", "Fencing": "-", "Subject": client}
    assert "it has to stop first" in refusal(bench.change(nomads[1], "nomad", "remove", "-", **nobody))
    assert told(bench.change(client, "nomad", "leave", "-", **nobody))["changed"]
    assert told(bench.change(nomads[1], "nomad", "remove", "-", **nobody))["changed"]
    assert "knows nothing" in refusal(bench.change(nomads[1], "nomad", "remove", "-", **nobody))


def test_a_host_that_wakes_late_finds_that_its_turn_is_over(bench: Bench, servers: list[str]) -> None:
    bench.hosts.faults.pause_agent_at("consul", "leave")
    answers: list[Ran] = []
    own = bench.raft_id("consul", servers[2])
    thread = threading.Thread(target=lambda: answers.append(bench.change(servers[2], "consul", "leave", own)))
    thread.start()
    while bench.hosts.agent_online(servers[2]):
        time.sleep(0.005)
    bench.hold_lease(fencing=2)
    bench.hosts.resume_agent(servers[2])
    thread.join(5)
    assert "which is at 2" in refusal(answers[0])
    assert bench.clusters("consul") == [tuple(servers)]
