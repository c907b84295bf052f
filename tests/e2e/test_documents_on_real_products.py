"""Bootstrap, verify and leave against real servers: what they do to a product, done twice, and cut off halfway."""

import json
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from moto.moto_api._internal import moto_api_backend

from lab.products import obtain
from lab.products.catalogue import PRODUCTS
from lambdas.domain.names import SECRET_NAMES
from tests.builders import a_config
from tests.e2e.real_node import ClusterAuthority, RealNode
from tests.shell.scratch_node import CLUSTER, SECRETS_PREFIX
from tests.shell.stand_ins.authority import Authority
from tests.shell.stand_ins.cloud import BUCKET, REGION, Cloud
from tests.shell.stand_ins.metadata import Metadata

pytestmark = pytest.mark.e2e

FORMATION = {"SecretsPrefix": SECRETS_PREFIX, "Generation": "1"}
PRODUCT_NAMES = ("consul", "vault", "nomad")
RECOVERY = SECRETS_PREFIX + "vault/recovery-keys"
SERVER = {"SecretsPrefix": SECRETS_PREFIX, "Kind": "server"}


@pytest.fixture(scope="session")
def binaries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("binaries")
    for artifact in obtain([product for product in PRODUCTS if product.name in PRODUCT_NAMES]):
        with zipfile.ZipFile(artifact.path) as archive:
            for name in archive.namelist():
                archive.extract(name, directory)
                (directory / name).chmod(0o755)
    return directory


@pytest.fixture
def cloud(tmp_path: Path) -> Iterator[tuple[Cloud, Authority]]:
    moto_api_backend.reset()
    authority, metadata = Authority(tmp_path / "aws"), Metadata()
    service = Cloud(authority, metadata.credentials)
    service.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    service.make_secrets(SECRETS_PREFIX, SECRET_NAMES)
    yield service, authority
    service.close()
    metadata.close()
    assert service.bad_signatures == []


@pytest.fixture
def aws(cloud: tuple[Cloud, Authority]) -> Cloud:
    return cloud[0]


@pytest.fixture
def servers(
    request: pytest.FixtureRequest, tmp_path: Path, cloud: tuple[Cloud, Authority], binaries: Path
) -> Iterator[list[RealNode]]:
    size = getattr(request, "param", 1)
    config = a_config(name=CLUSTER, server_groups=[{"name": "servers", "size": size}])
    authority, (aws, aws_authority) = ClusterAuthority(config), cloud
    key_id = aws.client("kms").create_key()["KeyMetadata"]["KeyId"]
    made: list[RealNode] = []
    for number in range(1, size + 1):
        made.append(
            RealNode(
                tmp_path / f"node{number}",
                number,
                config=config,
                authority=authority,
                cloud=aws,
                aws_authority=aws_authority,
                binaries=binaries,
                peers=[f"127.77.0.{10 + each}" for each in range(1, size + 1)],
                kms_key_id=key_id,
            )
        )
        made[-1].prepare()
    yield made
    for node in made:
        node.close()


@pytest.fixture
def server(servers: list[RealNode]) -> RealNode:
    return servers[0]


def test_consul_forms_once_and_verifies(server: RealNode, aws: Cloud) -> None:
    server.done("consul", "secrets", **FORMATION)
    server.done("nomad", "secrets", **FORMATION)
    server.configure("consul")
    assert server.done("consul", "start", Kind="server").result == {"changed": True}
    assert server.done("consul", "start", Kind="server").result == {"changed": False}

    first, again = (server.done("consul", "bootstrap", **server.bootstrap("consul")).result for _ in range(2))
    assert first == {"bootstrapped": True, "written": 8}
    assert again == {"bootstrapped": False, "written": 0}
    facts = server.done("consul", "verify", **SERVER).result
    assert facts == {"voter": True, "leader": server.node.instance_id, "voters": 1}

    aws.overwrite_secret(SECRETS_PREFIX + "consul/management-token", "6f1b8b0e-0000-4000-8000-000000000000")
    ended = server.run("consul", "bootstrap", **server.bootstrap("consul"))
    assert ended.exit_code == 70
    assert "somebody else bootstrapped" in ended.result["reason"]


def test_nomad_forms_once_and_makes_the_tokens_that_nodes_verify_with(server: RealNode, aws: Cloud) -> None:
    for product in ("consul", "nomad"):
        server.done(product, "secrets", **FORMATION)
    for product in ("consul", "nomad"):
        server.configure(product)
        server.done(product, "start", Kind="server")
    beside = server.start("nomad", "bootstrap", **server.bootstrap("nomad"))  # as the Map does
    server.done("consul", "bootstrap", **server.bootstrap("consul"))
    stdout, stderr = beside.communicate(timeout=200)
    assert beside.returncode == 0, stderr
    assert json.loads(stdout) == {"bootstrapped": True, "written": 9}
    assert server.done("nomad", "bootstrap", **server.bootstrap("nomad")).result["written"] == 0
    facts = server.done("nomad", "verify", **SERVER).result
    assert facts == {"voter": True, "leader": f"{server.node.instance_id}.global", "voters": 1}

    aws.overwrite_secret(SECRETS_PREFIX + "nomad/operator-token-server", "6f1b8b0e-0000-4000-8000-000000000000")
    ended = server.run("nomad", "bootstrap", **server.bootstrap("nomad"))
    assert ended.exit_code == 70
    assert "a token that Nomad does not know" in ended.result["reason"]
    mended = server.done("nomad", "bootstrap", **server.bootstrap("nomad", generation=2))
    assert mended.result == {"bootstrapped": False, "written": 1}
    server.done("nomad", "verify", **SERVER)


def test_vault_is_initialised_once_and_keeps_no_root_token(server: RealNode, aws: Cloud) -> None:
    assert server.done("vault_init", "secrets", **FORMATION).result == {"key_store": "writable"}
    server.configure("vault")
    started = server.done("vault", "start", Kind="server").result
    assert started == {"initialized": False, "sealed": True, "changed": True}

    first = server.done("vault_init", "bootstrap", **server.bootstrap("vault_init"))
    assert first.result == {"initialised": True, "root_token": "revoked"}
    kept = aws.secret(RECOVERY)
    again = server.done("vault_init", "bootstrap", **server.bootstrap("vault_init"))
    assert again.result == {"initialised": False, "root_token": "revoked"}
    assert "left behind" not in again.stderr
    assert aws.secret(RECOVERY) == kept
    assert json.loads(kept or "").keys() == {"cluster", "generation", "recovery_threshold", "recovery_keys"}

    assert server.done("vault_init", "secrets", **FORMATION).result == {"key_store": "in use"}
    other = server.run("vault_init", "secrets", **FORMATION | {"Generation": "2"})
    assert (other.exit_code, aws.secret(RECOVERY)) == (70, kept)
    facts = server.done("vault", "verify", Kind="server").result
    assert facts == {"sealed": False, "voter": True, "leader": server.node.instance_id, "voters": 1}
    assert "the last voter" in server.run("vault", "leave", Kind="server").result["reason"]


def test_a_run_that_died_with_a_root_token_is_completed_by_the_next(server: RealNode, aws: Cloud) -> None:
    server.configure("vault")
    server.done("vault", "start", Kind="server")
    run = server.start("vault_init", "bootstrap", **server.bootstrap("vault_init"))
    wait_for(lambda: "recovery_keys" in (aws.secret(RECOVERY) or ""))
    run.kill()
    run.communicate()

    again = server.done("vault_init", "bootstrap", **server.bootstrap("vault_init"))
    assert again.result == {"initialised": False, "root_token": "revoked"}
    assert "revoked a root token that was left behind" in again.stderr
    server.done("vault", "verify", Kind="server")


def test_keys_that_were_lost_between_vault_and_the_store_are_said_to_be_lost(server: RealNode, aws: Cloud) -> None:
    server.configure("vault")
    server.done("vault", "start", Kind="server")
    puts = []

    def outage(what: str) -> tuple[str, bytes] | None:
        if what.endswith("PutSecretValue"):
            puts.append(what)
        return ("503 Service Unavailable", b"{}") if len(puts) > 1 else None  # the first is the probe

    aws.refuse = outage
    run = server.start("vault_init", "bootstrap", **server.bootstrap("vault_init"))
    wait_for(lambda: len(puts) > 2)
    run.kill()
    run.communicate()
    aws.refuse = lambda what: None

    again = server.run("vault_init", "bootstrap", **server.bootstrap("vault_init"))
    assert again.exit_code == 70
    assert "never stored" in again.result["reason"]
    assert "empty /var/lib/vault on every server" in again.result["reason"]


def test_keys_are_not_written_over_by_a_vault_that_joins_none(server: RealNode, aws: Cloud) -> None:
    keys = json.dumps({"generation": 1, "recovery_threshold": 1, "recovery_keys": ["not yours"]})
    aws.overwrite_secret(RECOVERY, keys)
    server.configure("vault")
    server.done("vault", "start", Kind="server")
    ended = server.run("vault_init", "bootstrap", **server.bootstrap("vault_init"))
    assert (ended.exit_code, aws.secret(RECOVERY)) == (70, keys)
    assert "joins none" in ended.result["reason"]


@pytest.mark.parametrize("servers", [3], indirect=True)
def test_three_servers_form_and_one_leaves(servers: list[RealNode]) -> None:
    seed, *_, leaver = servers
    for name in ("consul", "nomad", "vault_init"):
        seed.done(name, "secrets", **FORMATION)
    for product in PRODUCT_NAMES:
        for server in servers:
            server.configure(product)
            server.done(product, "start", Kind="server")
    for name in ("consul", "vault_init", "nomad"):
        seed.done(name, "bootstrap", **seed.bootstrap(name))
    for server in servers:
        for product in ("consul", "nomad"):
            assert server.done(product, "verify", **SERVER).result["voters"] >= 1
        server.done("vault", "verify", Kind="server")
    # Each waited for its own vote, so the last one sees all.
    assert leaver.done("vault", "verify", Kind="server").result["voters"] == 3
    assert leaver.done("consul", "verify", **SERVER).result["voters"] == 3

    leader = seed.done("vault", "verify", Kind="server").result["leader"]
    leaver = next(server for server in servers if server.node.instance_id == leader)  # the harder goodbye
    staying = next(server for server in servers if server is not leaver)
    leaver.done("nomad", "leave", **SERVER)
    assert leaver.done("vault", "leave", Kind="server").result == {"left": True}
    assert leaver.done("vault", "leave", Kind="server").result == {"left": False}
    assert leaver.done("consul", "leave", **SERVER).result == {"left": True}
    assert leaver.done("consul", "leave", **SERVER).result == {"left": False}
    facts = staying.done("vault", "verify", Kind="server").result
    assert (facts["voters"], facts["leader"] != leader) == (2, True)
    assert staying.done("consul", "verify", **SERVER).result["voters"] == 2


def wait_for(condition: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)
