"""What keeps a change of membership from being made: a turn that is over, facts that forbid it, facts unknown.

However it is kept, the command ends well, with the reason, and nothing is another than before.
"""

from shutil import which
from typing import Any

import pytest

from tests.shell.scratch_node import Ended, follow
from tests.shell.stand_ins.cloud import TABLE
from tests.shell.stand_ins.raft import Server
from tests.shell.test_every_document import everything
from tests.shell.world import GONE, SITUATIONS, World

PRODUCTS = ("consul", "vault", "nomad")
CHANGES = [(product, phase) for product in PRODUCTS for phase in ("hand_over", "leave", "remove")]
ON_ITS_OWN_SERVER = [(product, phase) for product, phase in CHANGES if phase != "remove"]

CONFIGURATION = {
    "consul": "operator/raft/configuration",
    "vault": "sys/storage/raft/configuration",
    "nomad": "operator/raft/configuration",
}
HEALTH = {
    "consul": "operator/autopilot/health",
    "vault": "sys/storage/raft/autopilot/state",
    "nomad": "operator/autopilot/health",
}


def unchanged(world: World, product: str, phase: str, parameters: dict[str, str]) -> str:
    """The reason why nothing was done, however long it would be waited for."""
    world.node.time_flies = True
    before = everything(world)
    ended = world.run(product, phase, parameters)
    assert (ended.exit_code, ended.result["changed"]) == (0, False), ended.stderr
    assert everything(world) == before
    return str(ended.result["reason"])


def make_unhealthy(world: World, product: str, *numbers: int) -> None:
    if product == "vault":
        world.vault.unhealthy |= {f"i-{number}" for number in numbers}
    else:
        for number in numbers:
            getattr(world, product).raft.peers[number].healthy = False


def make_known_to_nobody(world: World, product: str) -> None:
    if product == "vault":
        world.vault.autopilot_knows = False
    else:
        getattr(world, product).raft.autopilot_knows = False


@pytest.mark.parametrize(("product", "phase"), CHANGES)
def test_a_command_of_an_earlier_turn_does_nothing(world: World, product: str, phase: str) -> None:
    parameters = SITUATIONS[product, phase](world)
    world.cloud.hold_lease(fencing=8)
    reason = unchanged(world, product, phase, parameters)
    assert reason == "this command is of turn 7 of the membership lease, which is at 8"


@pytest.mark.parametrize(("product", "phase"), CHANGES)
def test_a_lease_that_ends_soon_is_none(world: World, product: str, phase: str) -> None:
    parameters = SITUATIONS[product, phase](world)
    world.cloud.hold_lease(seconds=55)
    reason = unchanged(world, product, phase, parameters)
    assert reason.startswith("the membership lease has 5")
    assert reason.endswith("s left, and a change takes up to 60")


def test_a_lease_that_was_given_back_is_none(world: World) -> None:
    parameters = SITUATIONS["nomad", "leave"](world)
    world.cloud.hold_lease(owner=None)
    assert unchanged(world, "nomad", "leave", parameters) == "turn 7 of the membership lease is over"


def test_where_there_is_no_lease_nothing_is_changed(world: World) -> None:
    parameters = SITUATIONS["consul", "remove"](world)
    world.cloud.client("dynamodb").delete_item(TableName=TABLE, Key={"pk": {"S": "lease"}, "sk": {"S": "membership"}})
    assert "which is at 0" in unchanged(world, "consul", "remove", parameters)


@pytest.mark.parametrize("answer", [b'{"Item":{"fencing":{"N":"seven"}}}', b"[]", b"not JSON"])
def test_a_lease_that_is_not_understood_is_a_failure(world: World, answer: bytes) -> None:
    parameters = SITUATIONS["vault", "leave"](world)
    before = everything(world)
    world.cloud.refuse = lambda what: ("200 OK", answer) if what.endswith("GetItem") else None
    ended = world.run("vault", "leave", parameters)
    assert (ended.exit_code, ended.result["reason"]) == (70, "the membership lease is not understood")
    assert everything(world) == before


def test_a_lease_that_may_not_be_read_is_a_failure(world: World) -> None:
    parameters = SITUATIONS["consul", "hand_over"](world)
    before = everything(world)
    refusal = ("400 Bad Request", b'{"__type":"com.amazon.coral.service#AccessDeniedException"}')
    world.cloud.refuse = lambda what: refusal if what.endswith("GetItem") else None
    ended = world.run("consul", "hand_over", parameters)
    assert ended.exit_code == 70
    assert ended.result["reason"] == "reading the membership lease answered 400 AccessDeniedException"
    assert everything(world) == before


def test_time_is_told_by_whoever_keeps_the_lease(world: World) -> None:
    """A node's own clock may be off; the one of AWS's answer is that of the lease."""
    parameters = SITUATIONS["nomad", "leave"](world)
    world.node.replace("date", f'#!/bin/bash\n[[ $* == *GMT* ]] || exit 1\nexec {which("date")} "$@"\n')
    assert world.run("nomad", "leave", parameters).result["changed"]


@pytest.mark.parametrize(("product", "phase"), CHANGES)
def test_too_few_would_remain(world: World, product: str, phase: str) -> None:
    parameters = SITUATIONS[product, phase](world)
    remain = 4 if phase == "remove" else 3
    reason = unchanged(world, product, phase, parameters | {"FewestVoters": str(remain + 1)})
    assert reason == f"{remain} voters would remain, and {remain + 1} have to"


@pytest.mark.parametrize(("product", "phase"), CHANGES)
def test_too_few_healthy_ones_would_remain(world: World, product: str, phase: str) -> None:
    """Three of three, or four of four, have to be: a majority and one to spare."""
    parameters = SITUATIONS[product, phase](world)
    make_unhealthy(world, product, 2)
    reason = unchanged(world, product, phase, parameters)
    healthy, voters, needed = (3, 4, 4) if phase == "remove" else (2, 3, 3)
    assert reason == f"{healthy} of the {voters} voters that remain are healthy, {needed} have to be"


@pytest.mark.parametrize("product", PRODUCTS)
def test_without_spare_voters_a_majority_of_what_remains_is_enough(world: World, product: str) -> None:
    parameters = SITUATIONS[product, "remove"](world)
    make_unhealthy(world, product, 2)
    few = {"FewestVoters": "0", "SpareVoters": "0"}
    assert world.run(product, "remove", parameters | few).result["changed"]


def test_one_without_a_vote_may_always_leave(world: World) -> None:
    parameters = SITUATIONS["nomad", "leave"](world)
    world.nomad.raft.peers[0].voter = False
    assert world.run("nomad", "leave", parameters | {"FewestVoters": "9"}).result["changed"]


NOT_UNDERSTOOD = {
    "no JSON": (200, "<html>"),
    "nothing": (200, {}),
    "nobody": (200, {"Servers": []}),
    "no servers": (200, {"data": {"config": {}}}),
    "refused": (403, "Permission denied"),
}


@pytest.mark.parametrize(("product", "phase"), CHANGES)
def test_without_a_leader_nothing_is_changed(world: World, product: str, phase: str) -> None:
    parameters = SITUATIONS[product, phase](world)
    getattr(world, product).instead[CONFIGURATION[product]] = (500, "No cluster leader")
    reason = unchanged(world, product, phase, parameters)
    assert reason.startswith(f"the membership is unknown: {product} answered 500 (No cluster leader)")


@pytest.mark.parametrize(("product", "told"), [(product, told) for product in PRODUCTS for told in NOT_UNDERSTOOD])
def test_a_membership_that_is_not_understood_is_left_alone(world: World, product: str, told: str) -> None:
    parameters = SITUATIONS[product, "remove"](world)
    getattr(world, product).instead[CONFIGURATION[product]] = NOT_UNDERSTOOD[told]
    assert unchanged(world, product, "remove", parameters).startswith("the membership is unknown: ")


@pytest.mark.parametrize("product", PRODUCTS)
@pytest.mark.parametrize("answer", [(200, "<html>"), (429, "slow down"), (500, "no"), (200, {"Servers": "many"})])
def test_a_health_that_is_not_understood_is_no_health(world: World, product: str, answer: Any) -> None:
    parameters = SITUATIONS[product, "leave"](world)
    getattr(world, product).instead[HEALTH[product]] = answer
    assert unchanged(world, product, "leave", parameters).startswith("the membership is unknown: ")


def test_a_peer_without_a_vote_or_its_lack_is_not_understood(world: World) -> None:
    parameters = SITUATIONS["consul", "leave"](world)
    _, configuration = world.consul.raft.configuration()
    del configuration["Servers"][2]["Voter"]
    world.consul.instead[CONFIGURATION["consul"]] = (200, configuration)
    assert "is not understood" in unchanged(world, "consul", "leave", parameters)


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_leader_that_knows_nobodys_health_yet_is_not_believed(world: World, product: str) -> None:
    parameters = SITUATIONS[product, "leave"](world)
    make_known_to_nobody(world, product)
    assert "is not understood" in unchanged(world, product, "leave", parameters)


@pytest.mark.parametrize(("product", "phase"), ON_ITS_OWN_SERVER)
def test_a_command_for_another_server_does_nothing(world: World, product: str, phase: str) -> None:
    parameters = SITUATIONS[product, phase](world)
    other = "i-1" if product == "vault" else getattr(world, product).raft.peers[1].raft_id
    reason = unchanged(world, product, phase, parameters | {"PeerId": other})
    assert reason == f"this server is {parameters['PeerId']}, not {other}"


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_leader_does_not_leave(world: World, product: str) -> None:
    parameters = SITUATIONS[product, "hand_over"](world) | {"Kind": "server"}
    assert unchanged(world, product, "leave", parameters) == f"this server leads {product}: it hands over first"


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_server_that_does_not_lead_has_nothing_to_hand_over(world: World, product: str) -> None:
    parameters = SITUATIONS[product, "leave"](world)
    del parameters["Kind"]
    assert unchanged(world, product, "hand_over", parameters) == f"{parameters['PeerId']} does not lead {product}"


@pytest.mark.parametrize("product", PRODUCTS)
def test_leadership_goes_to_a_healthy_voter_only(world: World, product: str) -> None:
    parameters = SITUATIONS[product, "hand_over"](world)
    make_unhealthy(world, product, 1, 2, 3)
    assert unchanged(world, product, "hand_over", parameters) == f"no other voter of {product} is healthy"


@pytest.mark.parametrize("product", PRODUCTS)
def test_who_leads_is_told(world: World, product: str) -> None:
    parameters = SITUATIONS[product, "hand_over"](world)
    suffix = ".global" if product == "nomad" else ""
    ended = world.run(product, "hand_over", parameters)
    reasons = [f"i-{number}{suffix} leads {product}" for number in (1, 2, 3)]
    assert ended.result["changed"]
    assert ended.result["reason"] in reasons


@pytest.mark.parametrize("phase", ["leave", "remove"])
def test_a_servers_change_needs_a_number(world: World, phase: str) -> None:
    parameters = SITUATIONS["consul", phase](world)
    ended = world.run("consul", phase, parameters | {"Fencing": "-"})
    assert ended.exit_code == 64


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_server_that_left_is_stopped_for_good_and_out_of_raft(world: World, product: str) -> None:
    parameters = SITUATIONS[product, "leave"](world)
    assert world.run(product, "leave", parameters).result["changed"]
    assert not world.path(f"/.units/{product}.active").exists()
    assert not world.path(f"/.units/{product}.enabled").exists()
    if product == "vault":
        assert [server["node_id"] for server in world.vault.servers] == ["i-1", "i-2", "i-3"]
    if product == "consul":
        assert [peer.name for peer in world.consul.raft.peers] == ["i-1", "i-2", "i-3"]
    if product == "nomad":
        assert [peer.name for peer in world.nomad.raft.peers] == ["i-1.global", "i-2.global", "i-3.global"]
        assert next(path for method, path in world.nomad.requests if method in ("PUT", "DELETE")).startswith(
            "operator/raft/peer"
        ), "its vote is gone before it stops: stopped first, one of two would take quorum along"


def test_a_server_is_removed_once_gossip_sees_that_it_has_gone(world: World) -> None:
    parameters = SITUATIONS["consul", "remove"](world)
    world.consul.raft.peers[-1].gossip = "alive"
    running = world.node.start("consul", "remove", **parameters)
    follow(running, lambda: world.consul.requests.count(("GET", CONFIGURATION["consul"])) >= 4)
    assert world.consul.writes == []
    world.consul.raft.peers[-1].gossip = "failed"
    stdout, stderr = running.communicate(timeout=60)
    assert Ended(running.returncode, stdout, stderr).result["changed"]
    assert len(world.consul.raft.peers) == 4


def test_a_stopped_server_of_nomad_does_not_wait_for_its_slow_gossip(world: World) -> None:
    parameters = SITUATIONS["nomad", "remove"](world)
    stopped = world.nomad.raft.peers[-1]
    stopped.gossip, stopped.healthy = "alive", True
    assert world.run("nomad", "remove", parameters).result["changed"]
    assert stopped not in world.nomad.raft.peers + world.nomad.raft.members


def test_a_server_of_nomad_that_does_not_answer_counts_as_dead(world: World) -> None:
    """Autopilot finds it healthy still."""
    parameters = SITUATIONS["nomad", "leave"](world)
    world.nomad.raft.peers[2].address = GONE.address
    reason = unchanged(world, "nomad", "leave", parameters)
    assert reason == "2 of the 3 voters that remain are healthy, 3 have to be"


def test_a_server_of_nomad_whose_api_answers_is_not_removed(world: World) -> None:
    parameters = SITUATIONS["nomad", "remove"](world)
    living = world.nomad.raft.peers[-1]
    living.gossip, living.healthy, living.address = "alive", True, "127.0.0.2:4647"
    running = world.node.start("nomad", "remove", **parameters)
    follow(running, lambda: world.nomad.requests.count(("GET", CONFIGURATION["nomad"])) >= 3)
    running.kill()
    running.communicate()
    assert world.nomad.writes == []


def test_a_server_that_goes_on_living_stays(world: World) -> None:
    parameters = SITUATIONS["vault", "remove"](world)
    world.vault.unhealthy = set()
    reason = unchanged(world, "vault", "remove", parameters)
    assert reason == "i-9 lives: it has to leave by itself"


def test_gossip_keeps_the_entry_of_a_server_whose_address_another_has_now(world: World) -> None:
    """Nomad's leader would remove the new one with it: it goes by id OR address."""
    parameters = SITUATIONS["nomad", "remove"](world)
    gone = world.nomad.raft.peers[-1]
    heir = Server("i-4.global", gone.address)
    world.nomad.raft.peers[-1:] = [heir]
    world.nomad.raft.members.append(heir)
    reason = unchanged(world, "nomad", "remove", parameters)
    assert reason == "nomad knows nothing of i-9"
    assert world.nomad.raft.members[-2:] == [gone, heir]


@pytest.mark.parametrize("product", ["consul", "nomad"])
def test_a_server_that_is_gone_is_on_no_list_afterwards(world: World, product: str) -> None:
    parameters = SITUATIONS[product, "remove"](world)
    raft, peer_id = getattr(world, product).raft, parameters["PeerId"]
    assert world.run(product, "remove", parameters).result == {
        "changed": True,
        "reason": f"{peer_id} is no peer of {product} any more",
    }
    assert [one.raft_id for one in (*raft.peers, *raft.members) if one.raft_id == peer_id] == []


def test_what_only_gossip_remembers_is_forgotten_too(world: World) -> None:
    parameters = SITUATIONS["consul", "remove"](world)
    world.consul.raft.peers.pop()
    ended = world.run("consul", "remove", parameters)
    assert ended.result == {"changed": True, "reason": "i-9 is on no list of consul any more"}
