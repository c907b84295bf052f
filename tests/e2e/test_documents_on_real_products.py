"""Bootstrap, verify and leave against real servers: what they do to a product, done twice, and cut off halfway."""

import base64
import json
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from moto.moto_api._internal import moto_api_backend

from lab.leak_hunt import Place, hunt, introduction_marks
from lab.products import obtain
from lab.products.catalogue import PRODUCTS
from lab.writers.client import RefusedError
from lab.writers.vault_access import make_root_token
from lambdas.domain.components.introduction import introduction_of
from lambdas.domain.components.token_rotation import reissued
from lambdas.domain.names import SECRET_NAMES
from lambdas.domain.pgp import problem_of
from tests.builders import a_config
from tests.e2e.real_node import ClusterAuthority, RealNode
from tests.shell.scratch_node import CLUSTER, SECRETS_PREFIX
from tests.shell.stand_ins.authority import Authority
from tests.shell.stand_ins.cloud import BUCKET, REGION, TABLE, Cloud
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


class Keyring:
    """Three operators, each with a PGP key of curve 25519."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._gpg("--quick-gen-key", "--passphrase", "", "zero", "future-default", "default", "never")
        self._gpg("--quick-gen-key", "--passphrase", "", "one", "future-default", "default", "never")
        self._gpg("--quick-gen-key", "--passphrase", "", "two", "rsa3072", "default", "never")
        assert problem_of(self._public_key("two")) == "can only sign: add a subkey that encrypts"
        fingerprint = self._gpg("--with-colons", "--list-keys", "two").decode().split("fpr:")[1].split(":")[8]
        self._gpg("--quick-add-key", "--passphrase", "", fingerprint, "rsa3072", "encr", "never")
        self.public_keys = [self._public_key(name) for name in ("zero", "one", "two")]

    def _public_key(self, name: str) -> str:
        return base64.b64encode(self._gpg("--export", name)).decode()

    def decrypt(self, operator: int, message: str) -> str:
        """By whoever of them can; the one that it was meant for is the only one."""
        said = self._gpg("--list-only", "--status-fd", "1", "--decrypt", data=base64.b64decode(message)).decode()
        own = self._gpg("--with-colons", "--list-keys", ("zero", "one", "two")[operator]).decode()
        assert said.split("ENC_TO ")[1].split()[0] in own
        return self._gpg("--decrypt", data=base64.b64decode(message)).decode()

    def _gpg(self, *words: str, data: bytes = b"") -> bytes:
        command = ["gpg", "--homedir", str(self._home), "--batch", "--quiet", "--trust-model", "always", *words]
        return subprocess.run(command, input=data, capture_output=True, check=True).stdout

    def close(self) -> None:
        subprocess.run(["gpgconf", "--homedir", str(self._home), "--kill", "all"], check=True)


@pytest.fixture
def keyring() -> Iterator[Keyring]:
    with tempfile.TemporaryDirectory(prefix="quorate-gpg-") as home:  # short, as gpg puts sockets there
        made = Keyring(Path(home))
        yield made
        made.close()


@pytest.fixture
def aws(cloud: tuple[Cloud, Authority]) -> Cloud:
    return cloud[0]


Boot = Callable[..., RealNode]


@pytest.fixture
def size(request: pytest.FixtureRequest) -> int:
    """How many servers form the cluster."""
    return int(getattr(request, "param", 1))


@pytest.fixture
def boot(size: int, tmp_path: Path, cloud: tuple[Cloud, Authority], binaries: Path) -> Iterator[Boot]:
    """Another node with its certificate: `boot(1)`, and of a pool of clients `boot(9, group="default")`."""
    odd = size if size % 2 else size - 1  # one more than the cluster file asks for, as while one is replaced
    config = a_config(
        name=CLUSTER,
        server_groups=[{"name": "servers", "size": odd}],
        client_pools=[{"name": "default", "drivers": ["raw_exec"]}],
    )
    authority, (aws, aws_authority) = ClusterAuthority(config), cloud
    key_id = aws.client("kms").create_key()["KeyMetadata"]["KeyId"]
    made: list[RealNode] = []

    def begin(number: int, **options: str) -> RealNode:
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
                **options,
            )
        )
        made[-1].prepare()
        return made[-1]

    yield begin
    for node in made:
        node.close()


@pytest.fixture
def servers(boot: Boot, size: int) -> list[RealNode]:
    return [boot(number) for number in range(1, size + 1)]


@pytest.fixture
def server(servers: list[RealNode]) -> RealNode:
    return servers[0]


TLS_PORTS = {"consul": {8501: b"", 8300: b"\x03"}, "vault": {8200: b""}, "nomad": {4646: b"", 4647: b"\x04"}}
"""With the byte that says "TLS follows" (see test_a_cluster_forms). Vault makes certificates of its own for 8201."""


def served(node: RealNode, product: str) -> set[int]:
    """Serials of the certificates on all of a product's ports."""
    anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    found = set()
    for port, first_byte in TLS_PORTS[product].items():
        with socket.create_connection((node.address, port), timeout=5) as connection:
            connection.sendall(first_byte)
            with anybody.wrap_socket(connection) as secured:
                shown = secured.getpeercert(binary_form=True)
        assert shown
        found.add(x509.load_der_x509_certificate(shown).serial_number)
    return found


def test_a_new_certificate_is_served_by_the_same_process_and_the_old_key_is_gone(server: RealNode) -> None:
    server.done("consul", "secrets", **FORMATION)
    server.done("nomad", "secrets", **FORMATION)
    for product in PRODUCT_NAMES:
        server.configure(product)
        server.done(product, "start", Kind="server")
    pids = {product: (server.root / f".units/{product}.pid").read_text() for product in PRODUCT_NAMES}
    key = server.root / "etc/quorate/tls/node.key"
    before = key.read_text()
    server.certify(server.done("ca", "request").result["certificate_request"], serial=0xA5EED)
    assert key.read_text() != before
    for product in PRODUCT_NAMES:
        assert served(server, product) == {2}, "nobody looked at it yet"
        assert server.done(product, "reload").result == {"changed": True, "serial": "a5eed"}
        assert server.done(product, "reload").result == {"changed": False, "serial": "a5eed"}
        assert served(server, product) == {0xA5EED}
        assert server.done(product, "start", Kind="server").result["changed"] is False
        assert (server.root / f".units/{product}.pid").read_text() == pids[product]


def test_the_next_authority_takes_over_and_nobody_has_to_be_told(server: RealNode) -> None:
    """Agents, Vault's login by certificate and Consul's auth method, which fetches Nomad's keys, trust it already."""
    for component in ("consul", "nomad", "vault_init"):
        server.done(component, "secrets", **FORMATION)
    for product in PRODUCT_NAMES:
        server.configure(product)
        server.done(product, "start", Kind="server")
    beside = server.start("nomad", "bootstrap", **server.bootstrap("nomad"))
    server.done("consul", "bootstrap", **server.bootstrap("consul"))
    assert beside.wait(timeout=200) == 0
    server.done("vault_init", "bootstrap", **server.bootstrap("vault_init"))
    pids = {product: (server.root / f".units/{product}.pid").read_text() for product in PRODUCT_NAMES}
    assert "signature" in workload_s_login(server), "of a token that no key of Nomad's has signed"

    server.certify(server.done("ca", "request").result["certificate_request"], serial=3, generation=2)
    for product in PRODUCT_NAMES:
        server.done(product, "reload")
        assert served(server, product) == {3}
    for product in PRODUCT_NAMES:
        parameters = {"Kind": "server"} if product == "vault" else SERVER
        assert server.done(product, "verify", **parameters).result["voter"]
        assert (server.root / f".units/{product}.pid").read_text() == pids[product]
        log = (server.root / f".units/{product}.log").read_text()
        assert "unknown authority" not in log, log[-3000:]
    said = workload_s_login(server)
    assert "signature" in said, said


def test_vault_is_told_of_nomad_s_keys_by_a_server_that_may_tell_it_nothing_else(server: RealNode, aws: Cloud) -> None:
    """Beside the two bootstraps that it waits for, as the Map does; twice; and past it, as whoever has that server."""
    for component in ("consul", "nomad", "vault_init"):
        server.done(component, "secrets", **FORMATION)
    for product in PRODUCT_NAMES:
        server.configure(product)
        server.done(product, "start", Kind="server")
    parameters = server.bootstrap("vault_workloads")
    beside = server.start("vault_workloads", "bootstrap", **parameters)
    server.done("vault_init", "bootstrap", **server.bootstrap("vault_init"))
    stdout, stderr = beside.communicate(timeout=200)
    assert (beside.returncode, stdout) == (0, '{"written":1}\n'), stderr
    assert server.done("vault_workloads", "bootstrap", **parameters).result == {"written": 1}

    url = f"https://{server.address}:4646/.well-known/jwks.json"
    allowed = {"jwks_url": url, "jwt_supported_algs": "RS256", "default_role": "nomad-workloads"}
    allowed["jwks_ca_pem"] = (server.root / "etc/quorate/tls/ca.pem").read_text()
    own = server.log_in_to_vault()
    server.ask_vault("POST", "auth/jwt-nomad/config", allowed, token=own)
    for changed in ({"jwks_url": url + "/other"}, {"default_role": "root"}, {"bound_issuer": "me"}):
        with pytest.raises(RefusedError, match="permission denied"):
            server.ask_vault("POST", "auth/jwt-nomad/config", allowed | changed, token=own)
    for path in ("auth/jwt-nomad/role/nomad-workloads", "sys/policies/acl/nomad-workloads", "secret/data/default/web"):
        with pytest.raises(RefusedError, match="permission denied"):
            server.ask_vault("POST", path, {"data": {}}, token=own)

    root_token = make_root_token(server.ask_vault, json.loads(aws.secret(RECOVERY) or ""))
    configured = server.ask_vault("GET", "auth/jwt-nomad/config", token=root_token)["data"]
    assert {name: configured[name] for name in allowed} == allowed | {"jwt_supported_algs": ["RS256"]}
    policy = server.ask_vault("GET", "sys/policies/acl/nomad-workloads", token=root_token)["data"]["policy"]
    accessor = server.ask_vault("GET", "sys/auth", token=root_token)["data"]["jwt-nomad/"]["accessor"]
    assert policy.count(accessor) == 2 * len(policy.splitlines())
    with pytest.raises(RefusedError, match="token"):
        server.ask_vault("POST", "auth/jwt-nomad/login", {"role": "nomad-workloads", "jwt": "e30.e30.e30"})


def workload_s_login(server: RealNode) -> str:
    """What Consul says to a workload's token that is none: it has fetched Nomad's keys to know."""
    key = rsa.generate_private_key(65537, 2048)

    def encoded(part: bytes) -> str:
        return base64.urlsafe_b64encode(part).rstrip(b"=").decode()

    claims = {"aud": "consul.io", "sub": "x", "exp": int(time.time()) + 600, "iat": int(time.time())}
    signed = ".".join(encoded(json.dumps(part).encode()) for part in ({"alg": "RS256", "typ": "JWT"}, claims))
    token = f"{signed}.{encoded(key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"
    body = json.dumps({"AuthMethod": "nomad-workloads", "BearerToken": token}).encode()
    authority = ssl.create_default_context(cafile=server.root / "etc/quorate/tls/ca.pem")
    login = urllib.request.Request(f"https://{server.address}:8501/v1/acl/login", data=body, method="POST")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(login, timeout=10, context=authority)  # noqa: S310
    return refused.value.read().decode()


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
    assert {len(facts.pop("raft_id")), len(facts.pop("cluster_id"))} == {36}
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
    assert json.loads(stdout) == {"bootstrapped": True, "written": 12}
    assert server.done("nomad", "bootstrap", **server.bootstrap("nomad")).result["written"] == 0
    facts = server.done("nomad", "verify", **SERVER).result
    assert len(facts.pop("raft_id")) == 36
    assert facts == {"voter": True, "cluster_id": None, "leader": f"{server.node.instance_id}.global", "voters": 1}

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
    assert aws.secret(RECOVERY) == kept
    assert json.loads(kept or "").keys() == {
        "cluster",
        "generation",
        "encrypted",
        "recovery_threshold",
        "recovery_keys",
    }

    assert server.done("vault_init", "secrets", **FORMATION).result == {"key_store": "in use"}
    other = server.run("vault_init", "secrets", **FORMATION | {"Generation": "2"})
    assert (other.exit_code, aws.secret(RECOVERY)) == (70, kept)
    facts = server.done("vault", "verify", Kind="server").result
    assert len(facts.pop("cluster_id")) == 36
    own = server.node.instance_id
    assert facts == {"sealed": False, "voter": True, "raft_id": own, "leader": own, "voters": 1}
    aws.hold_lease()
    assert not change(server, "vault", "leave", own, FewestVoters="0", SpareVoters="0")[0], "it is the last one"


CUT_OFF = {
    "after the probe": "PutSecretValue.*QUORATE_PROBE",
    "after init, before its answer is stored": "PUT .*/v1/sys/init ",
    "after the store, before the audit device": "PutSecretValue.*QUORATE_UNFINISHED",
    "after the audit device": "PUT .*/v1/sys/audit/file",
    "after the auth method": "POST .*/v1/sys/auth/cert",
    "before the root token is revoked": "POST .*autopilot/configuration",
    "after the root token is revoked": "POST .*/v1/auth/token/revoke-self",
    "after the keys are kept": "PutSecretValue.*QUORATE_STORED_BY",
}


def test_vault_is_made_by_the_run_after_one_that_was_cut_off_at_any_step(server: RealNode, aws: Cloud) -> None:
    """One after the other on one server: each run finds what the one before has left, and only the last one ends."""
    server.configure("vault")
    server.done("vault", "start", Kind="server")
    for step, when in CUT_OFF.items():
        assert "recovery_keys" not in (aws.secret(RECOVERY) or ""), step
        ended = server.killed("vault_init", "bootstrap", when, **server.bootstrap("vault_init"))
        assert ended.exit_code == -signal.SIGKILL, f"{step}: {ended.stdout}{ended.stderr}"
    kept = aws.secret(RECOVERY)
    again = server.done("vault_init", "bootstrap", **server.bootstrap("vault_init"))
    assert again.result == {"initialised": False, "root_token": "revoked"}
    assert aws.secret(RECOVERY) == kept
    server.done("vault", "verify", Kind="server")
    root_token = make_root_token(server.ask_vault, json.loads(kept or ""))
    assert "file/" in server.ask_vault("GET", "sys/audit", token=root_token)["data"], "the kept keys are this Vault's"
    accessors = server.ask_vault("LIST", "auth/token/accessors", token=root_token)["data"]["keys"]
    assert len(accessors) == 1, "no root token but this one"


def test_a_vault_that_is_not_this_generation_s_is_not_touched(server: RealNode, aws: Cloud) -> None:
    """Somebody initialises it over the network, as anybody can where nobody has."""
    server.configure("vault")
    server.done("vault", "start", Kind="server")
    server.ask_vault("PUT", "sys/init", {"recovery_shares": 1, "recovery_threshold": 1})
    ended = server.run("vault_init", "bootstrap", **server.bootstrap("vault_init"))
    assert ended.exit_code == 70
    assert "nothing of it is touched" in ended.result["reason"]
    assert server.ask_vault("GET", "sys/init") == {"initialized": True}


def test_recovery_keys_are_encrypted_to_operators(server: RealNode, aws: Cloud, keyring: Keyring) -> None:
    """One each; a majority of them makes a root token."""
    server.configure("vault")
    server.done("vault", "start", Kind="server")
    body = {"recovery_shares": 3, "recovery_threshold": 2, "recovery_pgp_keys": keyring.public_keys}
    assert all(problem_of(key) is None for key in keyring.public_keys)
    server.done("vault_init", "bootstrap", **server.bootstrap("vault_init", initialise=body, threshold=2))
    server.done("vault", "verify", Kind="server")
    kept = json.loads(aws.secret(RECOVERY) or "")
    assert (kept["encrypted"], len(kept["recovery_keys"])) == (True, 3)
    keys = [keyring.decrypt(operator, key) for operator, key in enumerate(kept["recovery_keys"])]
    opened = kept | {"recovery_keys": [base64.b64encode(bytes.fromhex(key)).decode() for key in keys]}
    assert make_root_token(server.ask_vault, opened)


def test_keys_that_nobody_knows_are_not_written_over(server: RealNode, aws: Cloud) -> None:
    keys = json.dumps({"generation": 1, "recovery_threshold": 1, "recovery_keys": ["not yours"]})
    aws.overwrite_secret(RECOVERY, keys)
    server.configure("vault")
    server.done("vault", "start", Kind="server")
    ended = server.run("vault_init", "bootstrap", **server.bootstrap("vault_init"))
    assert (ended.exit_code, aws.secret(RECOVERY)) == (70, keys)
    assert "did not store" in ended.result["reason"]


Ids = dict[tuple[str, str], str]


def change(server: RealNode, product: str, phase: str, raft_id: str, **changes: str) -> tuple[bool, str]:
    """A change of membership, whether it was made and why."""
    parameters = {"Fencing": "7", "LeaseTable": TABLE, "PeerId": raft_id, "Subject": "-", "SpareVoters": "1"}
    parameters |= {"FewestVoters": "3"} | ({} if phase == "hand_over" else {"Kind": "server"}) | with_secrets(product)
    result = server.done(product, phase, **parameters | changes).result
    return result["changed"], result["reason"]


def changed(server: RealNode, product: str, phase: str, raft_id: str, **changes: str) -> float:
    """Seconds that a change took once it was made. As in a goodbye, what may not be done yet is asked for again: for a
    moment a new leader's autopilot lists nobody, and nothing is changed meanwhile."""
    reasons: list[str] = []

    def is_made() -> bool:
        nonlocal began
        began = time.monotonic()
        made, reason = change(server, product, phase, raft_id, **changes)
        reasons.append(reason)
        return made

    began = 0.0
    wait_for(is_made, lambda: f"{product} {phase}: {reasons[-1]}")
    return time.monotonic() - began


def known(server: RealNode, product: str) -> dict[str, Any]:
    """What a server tells of a product once it can tell: right after a change of leader nobody can."""
    told: list[dict[str, Any]] = []

    def is_known() -> bool:
        told[:] = [observe(server, product)]
        return bool(told[0]["known"])

    wait_for(is_known, lambda: str(told))
    return told[0]


def observe(server: RealNode, product: str) -> dict[str, Any]:
    told: dict[str, Any] = observe_all(server, product)[product]
    return told


def observe_all(server: RealNode, *products: str) -> dict[str, Any]:
    return server.done("node", "observe", SecretsPrefix=SECRETS_PREFIX, Serves=",".join(products)).result


def with_secrets(product: str) -> dict[str, str]:
    return {} if product == "vault" else {"SecretsPrefix": SECRETS_PREFIX}


def form(servers: list[RealNode]) -> None:
    seed = servers[0]
    for name in ("consul", "nomad", "vault_init"):
        seed.done(name, "secrets", **FORMATION)
    for product in PRODUCT_NAMES:
        for server in servers:
            server.configure(product)
            server.done(product, "start", Kind="server")
    for name in ("consul", "vault_init", "nomad"):
        seed.done(name, "bootstrap", **seed.bootstrap(name))
    for server in servers:
        for product in PRODUCT_NAMES:
            server.done(product, "verify", Kind="server", **with_secrets(product))


@pytest.mark.parametrize("size", [4], indirect=True)
def test_a_server_leaves_one_dies_and_three_products_keep_quorum(servers: list[RealNode], aws: Cloud) -> None:
    form(servers)
    aws.hold_lease(seconds=3600)
    ids: Ids = {}
    told: list[dict[str, Any]] = []

    def all_are_well() -> bool:
        """As one observation of each server tells it, of all three."""
        told[:] = [observe_all(server, *PRODUCT_NAMES) for server in servers]
        return all(one["known"] and is_healthy(one) for each in told for one in each.values())

    wait_for(all_are_well, lambda: str(told))
    for product in PRODUCT_NAMES:
        seen = [one[product] for one in told]
        assert len({(one["leader"], one["cluster_id"]) for one in seen}) == 1
        assert [len(one["peers"]) for one in seen] == [4] * 4
        names = {peer["id"]: str(peer["name"]).removesuffix(".global") for peer in seen[0]["peers"]}
        assert [names[one["own_raft_id"]] for one in seen] == [server.node.instance_id for server in servers]
        ids |= {
            (product, server.node.instance_id): one["own_raft_id"] for server, one in zip(servers, seen, strict=True)
        }

    def leads(server: RealNode, product: str) -> bool:
        return bool(known(server, product)["leader"] == ids[product, server.node.instance_id])

    def peers(server: RealNode, product: str) -> set[str]:
        return {peer["id"] for peer in known(server, product)["peers"]}

    going = next(server for server in servers if leads(server, "vault"))
    staying = [server for server in servers if server is not going]
    for product in ("nomad", "vault", "consul"):
        raft_id = ids[product, going.node.instance_id]
        assert not change(staying[0], product, "remove", raft_id, Fencing="6")[0], "of an earlier turn"
        if leads(going, product):
            assert change(going, product, "leave", raft_id) == (
                False,
                f"this server leads {product}: it hands over first",
            )
            changed(going, product, "hand_over", raft_id)
            assert not change(going, product, "hand_over", raft_id)[0]
        assert not change(going, product, "leave", raft_id, FewestVoters="4")[0]
        assert changed(going, product, "leave", raft_id) < 45, "longer than Nomad's gossip takes to notice"
        assert change(going, product, "leave", raft_id) == (False, f"{product} does not run here")
        assert [raft_id in peers(server, product) for server in staying] == [False] * 3

    dying = next(server for server in staying if leads(server, "vault"))
    left = [server for server in staying if server is not dying]
    for product in PRODUCT_NAMES:
        dying.kill(product)
    for product in ("nomad", "vault", "consul"):
        raft_id = ids[product, dying.node.instance_id]
        changed(left[0], product, "remove", raft_id, FewestVoters="0", SpareVoters="0")
        assert [peers(server, product) for server in left] == [
            {ids[product, server.node.instance_id] for server in left}
        ] * 2
    for product in PRODUCT_NAMES:
        facts = left[0].done(product, "verify", Kind="server", **with_secrets(product)).result
        assert facts["voters"] == 2
        last = ids[product, left[1].node.instance_id]
        assert not change(left[1], product, "leave", last)[0], "three have to remain"


def is_healthy(told: dict[str, Any]) -> bool:
    return all(peer["voter"] and peer["healthy"] for peer in told["peers"])


def wait_for(condition: Callable[[], bool], how_far: Callable[[], str] = str, seconds: float = 180) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, how_far()
        time.sleep(0.01)


GOSSIPING = {"consul": "serf/local.keyring", "nomad": "server/serf.keyring"}


def ring(server: RealNode, product: str) -> list[str]:
    """Keys in the file that the product keeps, the one that it speaks with first."""
    return list(json.loads((server.root / "var/lib" / product / GOSSIPING[product]).read_text()))


@pytest.mark.parametrize("size", [4], indirect=True)
def test_gossip_goes_to_a_new_key_past_nobody_and_a_server_that_starts_meanwhile_hears_all(
    servers: list[RealNode], aws: Cloud
) -> None:
    seed, last = servers[0], servers[-1]
    for product in GOSSIPING:
        seed.done(product, "secrets", **FORMATION)
    for product in GOSSIPING:
        for server in servers:
            server.configure(product)
            server.done(product, "start", Kind="server")
    for product in GOSSIPING:
        seed.done(product, "bootstrap", **seed.bootstrap(product))
    aws.hold_lease(seconds=3600)
    everybody = [server.node.instance_id for server in servers]

    def rekey(product: str, step: str, expected: list[str] = everybody) -> dict[str, Any]:
        turn = {"Fencing": "7", "LeaseTable": TABLE, "Rotation": "1", "Step": step, "SecretsPrefix": SECRETS_PREFIX}
        return seed.done(product, "rekey", **turn, **aws.put_file_set([], {"expected": expected})).result

    for product in GOSSIPING:
        [old] = ring(seed, product)
        assert rekey(product, "install", [*everybody, "i-9"])["reason"] == "not alive in gossip: i-9"
        assert rekey(product, "use", [*everybody, "i-9"])["reason"] == "not alive in gossip: i-9"
        assert all(ring(server, product)[0] == old for server in servers)
        last.kill(product)
        shutil.rmtree(last.root / "var/lib" / product)
        last.configure(product)
        assert len(ring(last, product)) == 2
        last.done(product, "start", Kind="server")
        wait_for(lambda product=product: rekey(product, "install")["done"])  # type: ignore[misc]
        for step in ("use", "remove"):
            wait_for(lambda product=product, step=step: rekey(product, step)["done"])  # type: ignore[misc]
        [new] = ring(seed, product)
        assert new != old
        assert [ring(server, product) for server in servers] == [[new]] * 4
        assert json.loads(aws.secret(f"{SECRETS_PREFIX}{product}/gossip-key") or "")["keys"] == [new]


CLIENT = {"SecretsPrefix": SECRETS_PREFIX, "Kind": "client"}
INTRODUCTION = "var/lib/nomad/client/intro_token.jwt"


def introduction(server: RealNode, client: RealNode) -> str:
    """As the server prints it."""
    asked = introduction_of(server.config, client.node, (client.root / "etc/quorate/tls/node.pem").read_text())
    put = server.put(asked)
    return str(server.done("nomad", "introduce", SecretsPrefix=SECRETS_PREFIX, **put).result["introduction"])


def ask_nomad(server: RealNode, token: str, path: str, method: str = "GET") -> Any:
    authority = ssl.create_default_context(cafile=server.root / "etc/quorate/tls/ca.pem")
    asked = urllib.request.Request(
        f"https://{server.address}:4646/v1/{path}",
        data=None if method == "GET" else b"{}",
        method=method,
        headers={"X-Nomad-Token": token},
    )
    with urllib.request.urlopen(asked, timeout=10, context=authority) as answer:  # noqa: S310
        return json.loads(answer.read() or "null")


def test_a_client_is_let_in_by_its_own_introduction_alone(server: RealNode, boot: Boot, aws: Cloud) -> None:
    for product in ("consul", "nomad"):
        server.done(product, "secrets", **FORMATION)
        server.configure(product)
        server.done(product, "start", Kind="server")
    for product in ("consul", "nomad"):
        server.done(product, "bootstrap", **server.bootstrap(product))
    clients = stranger, client, thief = [boot(number, group="default") for number in (7, 8, 9)]
    for one in clients:
        for product in ("consul", "nomad"):
            one.configure(product)
        one.done("consul", "start", Kind="client")
    token = str(aws.secret(SECRETS_PREFIX + "nomad/membership-token"))
    told = ask_nomad(server, token, "agent/self")["config"]["Server"]["ClientIntroduction"]
    assert (told["Enforcement"], told["MaxIdentityTTL"]) == ("strict", 600 * 10**9)

    stranger.done("nomad", "start", Kind="client")
    refused = stranger.start("nomad", "verify", **CLIENT)

    client.done("nomad", "start", Kind="client", Introduction=introduction(server, client))
    brought = (client.root / INTRODUCTION).read_text()
    part = brought.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    own = client.node.instance_id
    assert claims["sub"] == f"node-introduction:global:default:{own}:default"
    assert claims["exp"] - claims["iat"] == 600
    assert hunt(introduction_marks(), [Place("a careless place", brought.encode())]), "how such tokens are looked for"
    assert client.done("nomad", "verify", **CLIENT).result["ready"]
    assert not (client.root / INTRODUCTION).exists()

    place = thief.root / INTRODUCTION
    place.parent.mkdir(parents=True)
    place.write_text(brought)
    thief.done("nomad", "start", Kind="client")
    log = server.root / ".units/nomad.log"
    wait_for(lambda: "node registration introduction claims mismatch" in log.read_text(), log.read_text)
    assert [one["Name"] for one in ask_nomad(server, token, "nodes")] == [own]

    [node] = ask_nomad(server, token, "nodes")
    shared = str(aws.secret(SECRETS_PREFIX + "nomad/operator-token-client"))
    assert ask_nomad(server, shared, f"node/{node['ID']}")["Status"] == "ready"
    for path in ("acl/identity/client-introduction-token", f"node/{node['ID']}/drain", f"node/{node['ID']}/purge"):
        with pytest.raises(urllib.error.HTTPError, match="403"):
            ask_nomad(server, shared, path, "POST")
    drain = {"SecretsPrefix": SECRETS_PREFIX, "Subject": own, "DeadlineSeconds": "60"}
    assert server.done("nomad", "drain", **drain).result == {"draining": True, "allocations": 0}
    wait_for(lambda: server.done("nomad", "drain", **drain).result == {"draining": False, "allocations": 0})

    client.kill("nomad")
    ask_nomad(server, token, f"node/{node['ID']}/purge", "PUT")
    assert ask_nomad(server, token, "nodes") == []
    client.done("nomad", "start", Kind="client")
    assert client.done("nomad", "verify", **CLIENT).result["node_id"] == node["ID"], "its identity is its introduction"

    printed, words = refused.communicate(timeout=200)
    assert refused.returncode == 70, words
    assert "refuse to register this client" in json.loads(printed)["reason"]
    assert "node registration without introduction token" in log.read_text()
    assert [one["Name"] for one in ask_nomad(server, token, "nodes")] == [own]

    introducer = SECRETS_PREFIX + "nomad/introduction-token"
    before = str(aws.secret(introducer))
    aws.hold_lease()
    turn = {"SecretsPrefix": SECRETS_PREFIX, "Fencing": "7", "LeaseTable": TABLE, "Rotation": "1"}
    turn |= server.put(reissued(server.config, "nomad", 1))
    for step in ("make", "retire"):
        assert server.done("nomad", "reissue", Step=step, **turn).result["done"]
        assert introduction(server, client), "by the other one"
    assert aws.secret(introducer) != before
    with pytest.raises(urllib.error.HTTPError, match="403"):
        ask_nomad(server, before, "acl/identity/client-introduction-token", "POST")
