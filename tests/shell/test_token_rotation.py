"""Tokens give way to others: made beside the old ones, used by every node, and only then are the old ones deleted."""

import json
import subprocess
import threading
from typing import Any

import pytest

from tests.shell.scratch_node import SECRETS_PREFIX
from tests.shell.stand_ins.raft import Server
from tests.shell.test_every_document import everything
from tests.shell.world import SITUATIONS, TOKENS, World

PRODUCTS = ("consul", "nomad")
OF_CONSUL = {
    "consul": ("consul/agent-token-server", "consul/agent-token-client"),
    "nomad": ("nomad/consul-token-server", "nomad/consul-token-client"),
}
OF_NOMAD = {
    "consul": (),
    "nomad": (
        "nomad/operator-token-server",
        "nomad/operator-token-client",
        "nomad/membership-token",
        "nomad/introduction-token",
    ),
}


def run(world: World, product: str, phase: str, parameters: dict[str, str], **changes: str) -> dict[str, Any]:
    ended = world.run(product, phase, {**parameters, **changes})
    assert ended.exit_code == 0, ended.stdout + ended.stderr
    return ended.result


def stored(world: World, *names: str) -> list[str | None]:
    return [world.cloud.secret(SECRETS_PREFIX + name) for name in names]


def known_to_consul(world: World) -> set[str]:
    return {entry["SecretID"] for entry in world.consul.objects["token"].values()}


def known_to_nomad(world: World) -> set[str]:
    return {entry["SecretID"] for entry in world.nomad.tokens.values()}


@pytest.mark.parametrize("product", PRODUCTS)
def test_new_tokens_stand_beside_the_old_ones_until_those_are_retired(world: World, product: str) -> None:
    parameters = SITUATIONS[product, "reissue"](world)
    of_consul, of_nomad = OF_CONSUL[product], OF_NOMAD[product]
    old_consul, old_nomad = known_to_consul(world), known_to_nomad(world)
    made = run(world, product, "reissue", parameters)
    assert made == {"done": True, "changed": True, "reason": "each token has another beside it"}
    new_consul, new_nomad = set(stored(world, *of_consul)), set(stored(world, *of_nomad))
    assert not (new_consul | new_nomad) & set(TOKENS.values())
    assert known_to_consul(world) == old_consul | new_consul
    assert known_to_nomad(world) == old_nomad | new_nomad

    seen = everything(world)
    assert run(world, product, "reissue", parameters)["changed"] is False
    assert everything(world) == seen

    retired = run(world, product, "reissue", parameters, Step="retire")
    assert retired == {"done": True, "changed": True, "reason": "no token of before is left"}
    assert known_to_consul(world) == old_consul - {TOKENS[name] for name in of_consul} | new_consul
    assert known_to_nomad(world) == old_nomad - {TOKENS[name] for name in of_nomad} | new_nomad
    assert run(world, product, "reissue", parameters, Step="retire")["changed"] is False


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_token_that_was_made_and_never_stored_goes_before_another_is_made(world: World, product: str) -> None:
    parameters = SITUATIONS[product, "reissue"](world)
    world.cloud.refuse = lambda what: ("400 Bad Request", b"{}") if what.endswith("PutSecretValue") else None
    assert world.run(product, "reissue", parameters).exit_code == 70
    world.cloud.refuse = lambda what: None
    run(world, product, "reissue", parameters)
    names = OF_CONSUL[product]
    before = 4
    assert len(known_to_consul(world)) == before + len(names), "one of each beside the old ones"
    assert set(stored(world, *names)) <= known_to_consul(world)


def test_nothing_is_retired_that_has_no_other_beside_it(world: World) -> None:
    parameters = SITUATIONS["consul", "reissue"](world)
    before = known_to_consul(world)
    ended = world.run("consul", "reissue", {**parameters, "Step": "retire"})
    assert ended.exit_code == 70
    assert "no token for consul/agent-token-server was made in rotation 1" in ended.result["reason"]
    assert known_to_consul(world) == before


def test_a_stored_token_that_the_product_does_not_know_is_said(world: World) -> None:
    parameters = SITUATIONS["consul", "reissue"](world)
    run(world, "consul", "reissue", parameters)
    world.consul.objects["token"].clear()
    ended = world.run("consul", "reissue", {**parameters, "Step": "retire"})
    assert ended.exit_code == 70
    assert "holds a token that consul does not know" in ended.result["reason"]


@pytest.mark.parametrize(("product", "verb"), [("consul", "reload"), ("nomad", "restart")])
def test_a_product_takes_up_the_tokens_of_now_once(world: World, product: str, verb: str) -> None:
    parameters = SITUATIONS[product, "adopt"](world)
    adopted = run(world, product, "adopt", parameters)
    assert adopted == {"done": True, "changed": True, "reason": f"{product} uses the tokens of now"}
    assert sum(f" {verb} {product}" in call.replace("--no-block ", "") for call in world.node.calls()) == 1
    assert run(world, product, "adopt", parameters)["changed"] is False
    assert sum(f" {verb} {product}" in call.replace("--no-block ", "") for call in world.node.calls()) == 1


def test_one_that_wrote_and_died_before_it_told_its_product_is_taken_up_again(world: World) -> None:
    parameters = SITUATIONS["consul", "adopt"](world)
    run(world, "consul", "adopt", parameters)
    world.path("/run/quorate/consul.running").write_text("of before")
    assert run(world, "consul", "adopt", parameters)["changed"] is True


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_node_that_is_not_configured_yet_is_waited_for(world: World, product: str) -> None:
    parameters = SITUATIONS[product, "adopt"](world)
    world.path(f"/etc/{product}.d/secrets.json").unlink()
    told = run(world, product, "adopt", parameters)
    assert told == {"done": False, "changed": False, "reason": f"{product} is not configured here yet"}


@pytest.mark.parametrize("product", PRODUCTS)
def test_a_server_adopts_under_the_lease_of_its_turn_alone(world: World, product: str) -> None:
    parameters = SITUATIONS[product, "adopt"](world)
    world.cloud.hold_lease(fencing=8)
    before = everything(world)
    assert "which is at 8" in run(world, product, "adopt", parameters)["reason"]
    assert everything(world) == before


@pytest.mark.parametrize("unhealthy", [1, 2])
def test_a_server_of_nomad_does_not_restart_where_that_costs_quorum(world: World, unhealthy: int) -> None:
    """Four voters need three."""
    parameters = SITUATIONS["nomad", "adopt"](world)
    for peer in world.nomad.raft.peers[-unhealthy:]:
        peer.healthy = False
    told = run(world, "nomad", "adopt", parameters)
    assert told == {"changed": False, "reason": f"{3 - unhealthy} of the 3 other voters are healthy"}
    assert not any("restart" in call for call in world.node.calls())


def test_a_leader_of_nomad_hands_over_before_it_restarts(world: World) -> None:
    parameters = SITUATIONS["nomad", "adopt"](world)
    raft = world.nomad.raft
    raft.leader = raft.peers[0]
    assert run(world, "nomad", "adopt", parameters)["done"]
    assert raft.leader is not raft.peers[0]


@pytest.mark.parametrize("kind", ["server", "client"])
def test_what_nomad_answers_while_its_old_process_ends_is_not_taken_for_the_new_one_s(world: World, kind: str) -> None:
    """systemd is told to restart it and not waited for: the next server's turn would come while two are away."""
    parameters = SITUATIONS["nomad", "adopt"](world) | {"Kind": kind}
    slow = subprocess.Popen(["/bin/bash", "-c", "trap 'sleep 2; exit' TERM; while :; do sleep 0.1; done"])
    world.path("/.units/nomad.pid").write_text(f"{slow.pid}\n")
    threading.Thread(target=slow.wait, daemon=True).start()
    assert run(world, "nomad", "adopt", parameters)["changed"]
    assert slow.poll() is not None


def test_the_last_server_of_all_restarts_without_a_question(world: World) -> None:
    parameters = SITUATIONS["nomad", "adopt"](world)
    alone = Server("i-0.global", "127.0.0.1:4647")
    world.nomad.raft.peers = world.nomad.raft.members = [alone]
    world.nomad.raft.leader = alone
    assert run(world, "nomad", "adopt", parameters)["done"]


def test_a_client_of_nomad_restarts_with_the_token_of_clients(world: World) -> None:
    parameters = SITUATIONS["nomad", "adopt"](world)
    secrets = [{"path": ["consul", "token"], "secret": "nomad/consul-token-client"}]
    given = {"Kind": "client", "Fencing": "-", **world.cloud.put_file_set([], {"secrets": secrets})}
    assert run(world, "nomad", "adopt", parameters, **given)["done"]
    written = json.loads(world.path("/etc/nomad.d/secrets.json").read_text())
    assert written == {"consul": {"token": TOKENS["nomad/consul-token-client"]}}
