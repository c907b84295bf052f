"""What servers tell of a membership, and what they make of not knowing: an answer with a reason, never an error."""

import json
import socket
import time
from typing import Any

import pytest

from tests.shell.scratch_node import SECRETS_PREFIX
from tests.shell.stand_ins.raft import Raft, Server
from tests.shell.test_changes_of_membership import CONFIGURATION, HEALTH, PRODUCTS
from tests.shell.world import CLIENT, GONE, SITUATIONS, World, four_servers

KEYS = {"running", "known", "reason", "cluster_id", "own_raft_id", "leader", "sealed", "peers"}


def observe(world: World, product: str) -> dict[str, Any]:
    return observe_all(world)[product]


def observe_all(world: World, serves: str = "consul,vault,nomad", *, prepared: bool = False) -> dict[str, Any]:
    """What is told of each product. `prepared`: the world is as it should be asked about already."""
    parameters = {"SecretsPrefix": SECRETS_PREFIX} if prepared else SITUATIONS["node", "observe"](world)
    ended = world.run("node", "observe", parameters | {"Serves": serves})
    assert ended.exit_code == 0, ended.stderr
    assert list(ended.result) == serves.split(",")
    assert all(told.keys() == KEYS for told in ended.result.values())
    return ended.result


def unknown(told: dict[str, Any]) -> str:
    assert (told["known"], told["leader"], told["peers"]) == (False, None, [])
    return str(told["reason"])


@pytest.mark.parametrize(("product", "suffix", "port"), [("consul", "", 8300), ("nomad", ".global", 4647)])
def test_servers_are_told_as_the_leader_sees_them(world: World, product: str, suffix: str, port: int) -> None:
    raft = getattr(world, product).raft = four_servers(port, suffix)
    raft.peers[2].healthy = False
    raft.peers[3].voter = False
    told = observe(world, product)
    own, leader, sick, staging = raft.peers
    assert (told["known"], told["own_raft_id"], told["leader"]) == (True, own.raft_id, leader.raft_id)
    assert told["peers"] == [
        {"id": one.raft_id, "name": one.name, "address": one.address, "voter": voter, "healthy": healthy}
        for one, voter, healthy in (
            (own, True, True),
            (leader, True, True),
            (sick, True, False),
            (staging, False, True),
        )
    ]
    assert told["sealed"] is None


def test_vaults_servers_and_seal_are_told(world: World) -> None:
    SITUATIONS["node", "observe"](world)
    world.vault.unhealthy = {"i-2"}
    told = observe_all(world, "vault", prepared=True)["vault"]
    assert (told["known"], told["own_raft_id"], told["leader"], told["sealed"]) == (True, "i-0", "i-1", False)
    assert [peer["healthy"] for peer in told["peers"]] == [True, True, False, True]
    assert {peer["name"] for peer in told["peers"]} == {"i-0", "i-1", "i-2", "i-3"}


def test_what_tells_clusters_apart_is_told_where_there_is_such_a_thing(world: World) -> None:
    seen = observe_all(world)
    assert {product: seen[product]["cluster_id"] for product in PRODUCTS} == {
        "consul": "c0750100-0000-4000-8000-000000000001",
        "vault": "7a017000-0000-4000-8000-000000000001",
        "nomad": None,
    }


def test_consul_without_a_cluster_id_yet_is_observed_all_the_same(world: World) -> None:
    world.consul.cluster_id = None
    told = observe(world, "consul")
    assert (told["known"], told["cluster_id"]) == (True, None)


def test_a_peer_that_gossip_forgot_has_no_name_and_is_told_all_the_same(world: World) -> None:
    world.consul.raft = four_servers(8300)
    world.consul.raft.peers.append(Server("i-9", "127.0.0.10:8300", healthy=False, gossip=""))
    [forgotten] = [peer for peer in observe(world, "consul")["peers"] if peer["name"] is None]
    assert (forgotten["id"], forgotten["healthy"]) == (GONE.raft_id, False)


def test_a_peer_goes_by_the_name_of_its_id_and_not_of_its_address(world: World) -> None:
    """`Node` of the Raft configuration is whoever has the address now."""
    world.nomad.raft = four_servers(4647, ".global")
    old = world.nomad.raft.peers[3]
    old.gossip, old.healthy = "failed", False
    world.nomad.raft.members.append(Server("i-5.global", old.address))
    assert [peer["name"] for peer in observe(world, "nomad")["peers"]][3] == old.name


@pytest.mark.parametrize("product", PRODUCTS)
def test_without_a_leader_nothing_is_known(world: World, product: str) -> None:
    world.node.time_flies = True
    getattr(world, product).instead[CONFIGURATION[product]] = (500, "No cluster leader")
    assert "500 (No cluster leader)" in unknown(observe(world, product))


@pytest.mark.parametrize("product", PRODUCTS)
def test_health_that_nobody_tells_yet_is_not_taken_for_illness(world: World, product: str) -> None:
    """A leader that was just elected lists nobody: all would look dead."""
    world.node.time_flies = True
    nobody = (429, {"Healthy": False, "Servers": None}) if product != "vault" else (200, {"data": None})
    getattr(world, product).instead[HEALTH[product]] = nobody
    assert "is not understood" in unknown(observe(world, product))


def test_a_sealed_vault_tells_that_it_is(world: World) -> None:
    world.vault.sealed = True
    told = observe(world, "vault")
    assert told["sealed"] is True
    assert unknown(told) == "Vault is sealed here"


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_product_that_does_not_run_says_so(world: World, product: str) -> None:
    SITUATIONS["node", "observe"](world)
    world.path(f"/.units/{product}.active").unlink()
    told = observe_all(world, prepared=True)
    assert (told[product]["running"], unknown(told[product])) == (False, f"{product} does not run here")
    assert getattr(world, product).requests == []
    assert [one for one in PRODUCTS if told[one]["known"]] == [one for one in PRODUCTS if one != product]


def test_only_what_a_server_serves_is_asked(world: World) -> None:
    assert observe_all(world, "vault")["vault"]["known"]
    assert (world.consul.requests, world.nomad.requests) == ([], [])
    assert world.cloud.requests == [], "Vault knows a server by its certificate: no secret is read"


def test_a_secret_that_cannot_be_read_is_the_reason_of_one_product_alone(world: World) -> None:
    SITUATIONS["node", "observe"](world)
    world.cloud.client("secretsmanager").delete_secret(
        SecretId=f"{SECRETS_PREFIX}consul/agent-token-server", ForceDeleteWithoutRecovery=True
    )
    told = observe_all(world, prepared=True)
    assert "consul/agent-token-server" in unknown(told["consul"])
    assert told["vault"]["known"]
    assert told["nomad"]["known"]


def test_a_product_that_hangs_is_the_reason_of_itself_alone(world: World) -> None:
    """It accepts connections and never answers; the others have told long since."""
    SITUATIONS["node", "observe"](world)
    with socket.create_server(("127.0.0.1", 0)) as hanging:
        world.node.routes.insert(0, f"127.0.0.1:8501:127.0.0.1:{hanging.getsockname()[1]}")
        began = time.monotonic()
        lines = ("patience_seconds=8 api_seconds=60", "observe consul vault nomad")
        ended = world.node.run_lines("observation", *lines, SecretsPrefix=SECRETS_PREFIX)
        seconds = time.monotonic() - began
    assert ended.exit_code == 0, ended.stderr
    assert unknown(ended.result["consul"]) == "consul did not tell within 8 s"
    assert ended.result["consul"]["running"]
    assert ended.result["vault"]["known"]
    assert ended.result["nomad"]["known"]
    assert seconds < 30, "nobody holds the output open for as long as a request may take"


def test_seven_servers_in_three_products_fit_into_what_an_agent_reports(world: World) -> None:
    """With the longest names there are, and twice as many: each may be about to be replaced."""
    SITUATIONS["node", "observe"](world)
    everyone = [(f"i-{number:017x}", f"255.255.255.{100 + number}") for number in range(14)]
    for product, port, suffix in (("consul", 8300, ""), ("nomad", 4647, ".ap-southeast-2")):
        servers = [Server(name + suffix, f"{address}:{port}") for name, address in everyone]
        getattr(world, product).raft = Raft(*servers)
    world.vault.servers = [
        {"node_id": name, "address": f"{address}:8201", "leader": number == 1, "voter": True}
        for number, (name, address) in enumerate(everyone)
    ]
    told = observe_all(world, prepared=True)
    assert [len(told[product]["peers"]) for product in PRODUCTS] == [14] * 3
    assert len(json.dumps(told)) < 24_000 / 2, "of which GetCommandInvocation tells the first 24,000 characters"


def test_observing_changes_nothing(world: World) -> None:
    observe_all(world)
    for product in PRODUCTS:
        assert [path for path in getattr(world, product).writes if not path.endswith("login")] == []


def drain(world: World, seconds: int = 900) -> dict[str, Any]:
    parameters = SITUATIONS["nomad", "drain"](world) | {"DeadlineSeconds": str(seconds)}
    ended = world.run("nomad", "drain", parameters)
    assert ended.exit_code == 0, ended.stderr
    return ended.result


def test_a_drain_is_begun_once_and_followed_to_its_end(world: World) -> None:
    assert drain(world) == {"draining": True, "allocations": 2}
    assert world.nomad.node["DrainStrategy"] == {"Deadline": 900 * 10**9}
    world.nomad.running = 1
    assert drain(world) == {"draining": True, "allocations": 1}
    world.nomad.node |= {"DrainStrategy": None, "LastDrain": {"Status": "complete"}}
    assert drain(world) == {"draining": False, "allocations": 0}
    assert len(world.nomad.writes) == 1


def test_no_time_to_drain_is_at_once_and_not_for_ever(world: World) -> None:
    drain(world, seconds=0)
    assert world.nomad.node["DrainStrategy"] == {"Deadline": -1}


def test_a_node_that_somebody_only_made_ineligible_is_drained(world: World) -> None:
    world.nomad.node["SchedulingEligibility"] = "ineligible"
    assert drain(world)["draining"]


@pytest.mark.parametrize("status", ["down", "disconnected", None])
def test_a_client_that_is_gone_has_nothing_to_drain(world: World, status: str | None) -> None:
    parameters = SITUATIONS["nomad", "drain"](world)
    if status:
        world.nomad.clients[str(world.nomad.node["ID"])]["Status"] = status
    else:
        world.nomad.clients = {}
    assert world.run("nomad", "drain", parameters).result == {"draining": False, "allocations": 0}
    assert world.nomad.writes == []


def purge(world: World, product: str) -> dict[str, Any]:
    parameters = {**SITUATIONS[product, "remove"](world), **CLIENT}
    ended = world.run(product, "remove", parameters)
    assert ended.exit_code == 0, ended.stderr
    return ended.result


def test_a_client_that_went_is_purged_from_nomad_and_no_other_is(world: World) -> None:
    world.nomad.clients = {
        "4c3a0b0e-0000-4000-8000-000000000002": {"Name": "i-c", "Status": "down"},
        "4c3a0b0e-0000-4000-8000-000000000003": {"Name": "i-d", "Status": "ready"},
    }
    assert purge(world, "nomad") == {"changed": True, "reason": "i-c is on no list of nomad any more"}
    assert [one["Name"] for one in world.nomad.clients.values()] == ["i-d"]
    assert purge(world, "nomad") == {"changed": False, "reason": "nomad knows nothing of i-c"}


def test_a_client_that_went_is_on_no_list_of_consul(world: World) -> None:
    parameters = {**SITUATIONS["consul", "remove"](world), **CLIENT}
    world.consul.raft.members.append(Server("i-c", "127.0.0.20:0", gossip="failed", lives=False))
    assert world.run("consul", "remove", parameters).result["changed"]
    assert "i-c" not in [one.name for one in world.consul.raft.members]


@pytest.mark.parametrize("product", ["consul", "nomad"])
def test_a_clients_going_asks_for_no_lease(world: World, product: str) -> None:
    purge(world, product)
    assert "DynamoDB_20120810.GetItem" not in world.cloud.requests


@pytest.mark.parametrize(
    ("library", "seconds"), [("observation", 10), *((f"quorum {product}_raft", 20) for product in PRODUCTS)]
)
def test_a_product_that_hangs_is_not_waited_for_longer_than_a_document_has(
    world: World, library: str, seconds: int
) -> None:
    """Whatever comes after it in a script: a line of another file would say a minute."""
    ended = world.node.run_lines(library, 'result "{\\"seconds\\":$api_seconds}"', **CLIENT)
    assert ended.result == {"seconds": seconds}
