"""A new client's introduction: made on a server, read by the client alone, and gone when it has served."""

import base64
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lambdas.domain.components.introduction import introduction_of
from lambdas.domain.introduction import SEALED
from tests.shell.scratch_node import CLUSTER, Ended
from tests.shell.stand_ins.authority import Authority
from tests.shell.world import CONFIG, NEW_CLIENT, SITUATIONS, TOKENS, World

MINT = "acl/identity/client-introduction-token"
FILE = "/var/lib/nomad/client/intro_token.jwt"
OWN_NAME = f"{NEW_CLIENT.instance_id}.{CLUSTER}.quorate"


def introduce(world: World, **changes: str) -> Ended:
    return world.run("nomad", "introduce", SITUATIONS["nomad", "introduce"](world) | changes)


def opened(authority: Authority, sealed: str, tmp_path: Path) -> str:
    """By the client that it is for."""
    (tmp_path / "sealed").write_bytes(base64.b64decode(sealed))
    pair = ["-inkey", authority.directory / "client.key", "-recip", authority.directory / "client.pem"]
    command = ["openssl", "cms", "-decrypt", "-binary", "-inform", "DER", "-in", tmp_path / "sealed", *pair]
    return subprocess.run(command, capture_output=True, check=True, text=True).stdout


def claims(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    return dict(json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))))


def test_it_is_for_one_client_by_name_and_pool_and_sealed_to_it(world: World, tmp_path: Path) -> None:
    ended = introduce(world)
    assert ended.exit_code == 0, ended.stderr
    assert SEALED.fullmatch(ended.result["introduction"])
    token = opened(world.authority, ended.result["introduction"], tmp_path)
    assert [token] == world.nomad.introductions
    assert claims(token)["sub"] == f"node-introduction:global:default:{NEW_CLIENT.instance_id}:default"


def test_each_run_makes_another_one(world: World) -> None:
    parameters = SITUATIONS["nomad", "introduce"](world)
    first, second = (world.run("nomad", "introduce", parameters).result for _ in range(2))
    assert first != second
    assert len(set(world.nomad.introductions)) == 2


@pytest.mark.parametrize("whose", ["another client's", "another authority's"])
def test_it_is_sealed_to_nobody_whom_the_authority_does_not_know_by_that_name(
    world: World, tmp_path: Path, whose: str
) -> None:
    """Whatever certificate the command came with."""
    parameters = SITUATIONS["nomad", "introduce"](world)
    ours = whose == "another client's"
    issuer = world.authority if ours else Authority(tmp_path / "another")
    certificate, _ = issuer.issue_files("foreign", ["i-of-somebody-else.test.quorate" if ours else OWN_NAME])
    values = introduction_of(CONFIG, NEW_CLIENT, certificate.read_text()).values
    ended = world.run("nomad", "introduce", parameters | world.cloud.put_file_set([], values))
    assert ended.exit_code == 70
    assert ended.result["reason"] == f"the certificate is not {OWN_NAME}'s, by the cluster's authority"
    assert ("POST", MINT) not in world.nomad.requests


def test_a_token_that_nomad_refuses_is_read_again_by_the_next_run(world: World) -> None:
    parameters = SITUATIONS["nomad", "introduce"](world)
    world.nomad.tokens["introduction"]["Policies"] = ["quorate-server"]
    ended = world.run("nomad", "introduce", parameters)
    assert ended.exit_code == 75
    assert "refuses the token of nomad/introduction-token: it answered 403" in ended.result["reason"]


def test_a_cluster_without_a_leader_is_asked_again(world: World) -> None:
    parameters = SITUATIONS["nomad", "introduce"](world)
    world.nomad.instead[MINT] = (500, "No cluster leader")
    world.nomad.done = lambda what: world.nomad.instead.clear() if world.nomad.requests.count(("POST", MINT)) > 1 else 0
    assert world.run("nomad", "introduce", parameters).exit_code == 0
    assert world.nomad.requests.count(("POST", MINT)) == 3


@pytest.mark.parametrize(
    "answer",
    [(404, "Not found"), (500, "all servers should be running version 1.11.0 or later to use client intro tokens")],
)
def test_servers_that_are_too_old_introduce_nobody_and_ask_for_none(world: World, answer: tuple[int, str]) -> None:
    parameters = SITUATIONS["nomad", "introduce"](world)
    world.nomad.instead[MINT] = answer
    assert world.run("nomad", "introduce", parameters).result == {"introduction": "-"}


@pytest.mark.parametrize("answer", ["", "no JSON", {}, {"JWT": None}, {"JWT": "a.b"}, {"JWT": "$(id).b.c"}, ["JWT"]])
def test_an_answer_that_is_no_introduction_is_passed_on_to_nobody(world: World, answer: object) -> None:
    parameters = SITUATIONS["nomad", "introduce"](world)
    world.nomad.instead[MINT] = (200, answer)
    ended = world.run("nomad", "introduce", parameters)
    assert (ended.exit_code, ended.result["reason"]) == (70, "Nomad answered without an introduction")


def test_without_a_token_it_comes_back(world: World) -> None:
    parameters = SITUATIONS["nomad", "introduce"](world)
    world.cloud.forget_secrets(parameters["SecretsPrefix"], ["nomad/introduction-token"])
    assert world.run("nomad", "introduce", parameters).exit_code == 75


# On the client.


@pytest.fixture
def client(world: World) -> World:
    """A node that is about to start Nomad as a client."""
    world.configured("nomad")
    world.trust(OWN_NAME)
    world.fill_secrets()
    token = TOKENS["nomad/consul-token-client"]
    world.path("/etc/nomad.d/secrets.json").write_text(json.dumps({"consul": {"token": token}}))
    world.consul.agent_tokens = {token}
    return world


def sealed(world: World, *, to: str = "node", text: str | None = None) -> str:
    token = text or world.nomad.introduce({"NodeName": NEW_CLIENT.instance_id, "NodePool": "default"})
    command = ["openssl", "cms", "-encrypt", "-binary", "-aes-256-gcm", "-outform", "DER"]
    command += ["-recip", str(world.authority.directory / f"{to}.pem")]
    return base64.b64encode(
        subprocess.run(command, input=token.encode(), capture_output=True, check=True).stdout
    ).decode()


def start(world: World, introduction: str) -> Ended:
    return world.run("nomad", "start", {"Kind": "client", "Introduction": introduction})


def starts(world: World) -> int:
    return sum("restart nomad" in call for call in world.node.calls())


def test_the_client_reads_it_and_nomad_finds_it_where_it_looks(client: World) -> None:
    introduction = sealed(client)
    assert start(client, introduction).result == {"changed": True}
    path = client.path(FILE)
    assert path.read_text() == client.nomad.introductions[-1]
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    before = client.node.state()
    assert start(client, introduction).result == {"changed": False}
    assert client.node.state() == before
    assert starts(client) == 1


def test_another_introduction_is_read_by_another_start_of_nomad(client: World) -> None:
    """It reads the file once. The one before may be over, and the execution that had it too."""
    start(client, sealed(client))
    assert start(client, sealed(client)).result == {"changed": True}
    assert client.path(FILE).read_text() == client.nomad.introductions[-1]
    assert starts(client) == 2


def test_one_that_has_ended_starts_nothing(client: World) -> None:
    client.nomad.introductions_last_seconds = -1
    ended = start(client, sealed(client))
    assert ended.exit_code == 70
    assert ended.result["reason"] == "the introduction of this client has ended before its Nomad started"
    assert starts(client) == 0
    assert not client.path(FILE).exists()


def changed(sealed: str) -> str:
    """One bit of what is encrypted."""
    content = bytearray(base64.b64decode(sealed))
    content[len(content) // 2] ^= 1
    return base64.b64encode(content).decode()


def test_what_is_not_sealed_to_this_node_starts_nothing(client: World) -> None:
    client.authority.issue_files("other", ["i-other.test.quorate"])
    for wrong in (sealed(client, to="other"), changed(sealed(client)), "A" * 400):
        ended = start(client, wrong)
        assert (ended.exit_code, ended.result["reason"]) == (
            70,
            "the introduction is not sealed to this node's certificate",
        )
    ended = start(client, sealed(client, text="neither header nor claims"))
    assert (ended.exit_code, ended.result["reason"]) == (70, "what was sealed is no introduction")
    assert starts(client) == 0


def test_it_is_gone_when_the_client_is_ready(world: World) -> None:
    parameters = SITUATIONS["nomad", "verify"](world) | {"Kind": "client"}
    world.path(FILE).write_text("served")
    assert world.run("nomad", "verify", parameters).result["ready"]
    assert not world.path(FILE).exists()
    assert world.run("nomad", "verify", parameters).result["ready"]


REFUSED = '[ERROR] client: error registering: error="rpc error: Permission denied"\n'


def test_a_client_that_the_servers_refuse_ends_its_launch_and_says_why(world: World) -> None:
    parameters = SITUATIONS["nomad", "verify"](world) | {"Kind": "client"}
    world.path("/run/quorate/nomad.running").write_text("x")
    world.nomad.instead["agent/self"] = (500, "it waits for its registration")
    log = world.path("/.units/nomad.log")
    log.write_text("[INFO]  agent: started\n" + REFUSED * 2)
    answers = iter(range(4))

    def refuse_once_more(what: str) -> None:
        if what == "GET agent/self" and next(answers, None) == 2:
            log.write_text(log.read_text() + REFUSED)

    world.nomad.done = refuse_once_more
    ended = world.run("nomad", "verify", parameters)
    assert ended.exit_code == 70
    assert "refuse to register this client: it was not introduced to them" in ended.result["reason"]
    assert world.nomad.requests.count(("GET", "agent/self")) == 3
