"""What single documents do beyond what all of them do: what is missing, what is somebody else's, what does not fit."""

import json

import pytest

from lambdas.domain.names import SECRET_NAMES
from tests.shell.scratch_node import SECRETS_PREFIX, follow
from tests.shell.stand_ins.authority import Authority
from tests.shell.stand_ins.cloud import BUCKET
from tests.shell.stand_ins.raft import Server
from tests.shell.world import CLIENT, MEMBER, SITUATIONS, TOKENS, World, file_entry, tar_of, zip_of


def run(world: World, component: str, phase: str, **changes: str):
    return world.run(component, phase, SITUATIONS[component, phase](world) | changes)


def test_a_new_version_takes_the_place_of_the_old_one(world: World) -> None:
    assert run(world, "consul", "install").result == {"version": "1.2.3", "changed": True}
    newer = world.artifact("artifacts/consul_1.2.4.zip", zip_of("consul") + b" ")
    ended = run(world, "consul", "install", **newer, Version="1.2.4")
    assert ended.result == {"version": "1.2.4", "changed": True}
    assert world.path("/usr/local/bin/consul").stat().st_mode & 0o777 == 0o755


def test_an_archive_without_the_program_is_refused(world: World) -> None:
    ended = run(world, "consul", "install", **world.artifact("artifacts/consul_1.zip", zip_of("council")))
    assert (ended.exit_code, ended.result["reason"]) == (70, "artifact artifacts/consul_1.zip holds no consul")


def test_the_key_stays_and_only_the_node_reads_it(world: World) -> None:
    run(world, "ca", "install")
    key = world.path("/etc/quorate/tls/node.key")
    assert key.stat().st_mode & 0o777 == 0o640
    owners = world.path("/.calls.owners").read_text()
    assert "/etc/quorate/tls/node.key.new root:quorate-tls" in owners


def test_a_certificate_for_another_key_is_refused(world: World) -> None:
    first = SITUATIONS["ca", "configure"](world)
    world.path("/etc/quorate/tls/node.key").unlink()
    run(world, "ca", "install")
    ended = world.run("ca", "configure", first)
    assert (ended.exit_code, ended.result["reason"]) == (70, "the certificate is for another key than this node's")
    assert not world.path("/etc/quorate/tls/node.pem").exists()


def test_a_certificate_of_another_authority_is_refused(world: World, tmp_path) -> None:
    right = SITUATIONS["ca", "configure"](world)
    stored = world.cloud.client("s3").get_object(Bucket=BUCKET, Key=right["ConfigurationKey"])
    content = json.loads(stored["Body"].read())
    other = Authority(tmp_path / "other")
    files = [file_entry("/etc/quorate/tls/ca.pem", other.file.read_text()), content["files"][1]]
    ended = world.run("ca", "configure", world.cloud.put_file_set(files))
    assert ended.exit_code == 70
    assert "not issued by the cluster's authority" in ended.result["reason"]


def test_secrets_reach_the_product_and_only_its_group(world: World) -> None:
    run(world, "consul", "configure")
    path = world.path("/etc/consul.d/secrets.json")
    assert json.loads(path.read_text()) == {
        "acl": {
            "tokens": dict.fromkeys(
                ("agent", "dns", "config_file_service_registration"), TOKENS["consul/agent-token-server"]
            )
        },
    }
    assert path.stat().st_mode & 0o777 == 0o640
    assert ":consul" in world.path("/.calls.owners").read_text()


@pytest.mark.parametrize(("component", "phase"), [("consul", "configure"), ("consul", "verify"), ("nomad", "verify")])
def test_a_secret_without_a_value_is_a_reason_to_come_back(world: World, component: str, phase: str) -> None:
    parameters = SITUATIONS[component, phase](world)
    world.cloud.forget_secrets(SECRETS_PREFIX, SECRET_NAMES)
    ended = world.run(component, phase, parameters)
    assert ended.exit_code == 75
    assert "has no value yet" in ended.result["reason"]


def test_a_kernel_without_bridge_filtering_is_said(world: World) -> None:
    parameters = SITUATIONS["cni", "install"](world)
    world.path("/.no_module").touch()
    ended = world.run("cni", "install", parameters)
    assert (ended.exit_code, ended.result["reason"]) == (69, "the kernel offers no br_netfilter")


def test_a_kernel_with_bridge_filtering_built_in_needs_no_module(world: World) -> None:
    parameters = SITUATIONS["cni", "install"](world)
    world.path("/.no_module").touch()
    for name in ("arptables", "ip6tables", "iptables"):
        world.path(f"/proc/sys/net/bridge/bridge-nf-call-{name}").write_text("1\n")
    assert world.run("cni", "install", parameters).exit_code == 0
    assert world.path("/proc/sys/net/ipv4/ip_forward").read_text() == "1\n"


def test_an_image_without_a_name_is_refused(world: World) -> None:
    image = world.cloud.put_object("artifacts/nameless.tar", tar_of({"manifest.json": '[{"RepoTags": []}]'}))
    ended = run(world, "docker", "install", **{f"Image{name}": value for name, value in image.items()})
    assert ended.exit_code == 70
    assert "has no name" in ended.result["reason"]


@pytest.mark.parametrize("product", ["consul", "vault", "nomad"])
def test_a_service_that_fails_ends_the_start(world: World, product: str) -> None:
    parameters = SITUATIONS[product, "start"](world)
    world.path(f"/.units/{product}.breaks").touch()
    getattr(world, product).close()
    ended = world.run(product, "start", parameters)
    assert ended.exit_code == 70
    assert f"{product}.service failed" in ended.result["reason"]


def test_a_client_of_nomad_waits_for_consul_and_docker(world: World) -> None:
    world.configured("nomad")
    world.fill_secrets()
    token = TOKENS["nomad/consul-token-client"]
    world.path("/etc/nomad.d/secrets.json").write_text(json.dumps({"consul": {"token": token}}))
    world.path("/var/lib/quorate/installed/docker").write_text("x")
    world.path("/.units/docker.active").write_text("active\n")
    world.consul.agent_tokens = {token}
    assert world.run("nomad", "start", {"Kind": "client", "Introduction": "-"}).exit_code == 0
    assert ("GET", "agent/self") in world.consul.requests


@pytest.mark.parametrize("product", ["consul", "nomad"])
def test_acls_that_somebody_else_bootstrapped_are_not_ours(world: World, product: str) -> None:
    parameters = SITUATIONS[product, "bootstrap"](world)
    getattr(world, product).management = "somebody else's"
    ended = world.run(product, "bootstrap", parameters)
    assert ended.exit_code == 70
    assert "somebody else bootstrapped" in ended.result["reason"]


def test_a_changed_policy_is_changed_in_consul_and_nothing_else_is(world: World) -> None:
    parameters = SITUATIONS["consul", "bootstrap"](world)
    assert world.run("consul", "bootstrap", parameters).result == {"bootstrapped": True, "written": 8}
    policy = next(iter(world.consul.objects["policy"].values()))
    wanted, policy["Rules"] = policy["Rules"], 'node_prefix "" { policy = "deny" }'
    assert world.run("consul", "bootstrap", parameters).result == {"bootstrapped": False, "written": 1}
    assert world.consul.objects["policy"][policy["ID"]]["Rules"] == wanted


def test_a_nomad_token_that_was_made_and_never_stored_is_replaced(world: World) -> None:
    parameters = SITUATIONS["nomad", "bootstrap"](world)
    world.nomad.tokens["orphan"] = {"Name": "quorate-server", "SecretID": "lost"}
    assert world.run("nomad", "bootstrap", parameters).exit_code == 0
    made = sorted(token["Name"] for token in world.nomad.tokens.values())
    assert made == ["quorate-client", "quorate-introduction", "quorate-membership", "quorate-server"]
    stored = world.cloud.secret(SECRETS_PREFIX + "nomad/operator-token-server")
    assert stored in {token["SecretID"] for token in world.nomad.tokens.values()}


def test_a_client_leaves_consul_without_a_token(world: World) -> None:
    parameters = SITUATIONS["consul", "leave"](world)
    assert world.run("consul", "leave", parameters | CLIENT).result == {"changed": True, "reason": "left consul"}
    assert "systemctl kill --signal=INT consul" in world.node.calls()
    assert world.consul.requests == []


def test_a_client_leaves_nomad_without_a_token(world: World) -> None:
    """What it ran was moved by a server before."""
    parameters = SITUATIONS["nomad", "leave"](world)
    assert world.run("nomad", "leave", parameters | CLIENT).result == {"changed": True, "reason": "left nomad"}
    assert world.nomad.requests == []
    assert not world.path("/.units/nomad.active").exists()


@pytest.mark.parametrize(
    ("product", "kind", "facts"),
    [
        (
            "consul",
            "server",
            {
                "voter": True,
                "raft_id": Server("i-0", "").raft_id,
                "cluster_id": "c0750100-0000-4000-8000-000000000001",
                "leader": "i-0",
                "voters": 1,
            },
        ),
        ("consul", "client", {"member": True}),
        (
            "vault",
            "server",
            {
                "sealed": False,
                "voter": True,
                "raft_id": "i-0",
                "cluster_id": "7a017000-0000-4000-8000-000000000001",
                "leader": "i-1",
                "voters": 4,
            },
        ),
        (
            "nomad",
            "server",
            {
                "voter": True,
                "raft_id": Server("i-0.global", "").raft_id,
                "cluster_id": None,
                "leader": "i-0.global",
                "voters": 1,
            },
        ),
    ],
)
def test_verify_says_what_it_saw(world: World, product: str, kind: str, facts: dict[str, object]) -> None:
    assert run(world, product, "verify", Kind=kind).result == facts


def test_a_ready_client_names_its_healthy_drivers(world: World) -> None:
    facts = run(world, "nomad", "verify", **MEMBER | {"Kind": "client"}).result
    assert (facts["ready"], facts["drivers"], facts["node_pool"]) == (True, ["docker"], "default")


def test_a_vote_that_comes_late_is_waited_for(world: World) -> None:
    parameters = SITUATIONS["consul", "verify"](world)
    [own] = world.consul.raft.peers
    own.voter = False
    running = world.node.start("consul", "verify", **parameters)
    follow(running, lambda: world.consul.requests.count(("GET", "operator/raft/configuration")) >= 2)
    own.voter = True
    stdout, _ = running.communicate(timeout=60)
    assert json.loads(stdout)["voter"]
