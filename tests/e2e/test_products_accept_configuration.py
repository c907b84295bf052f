"""What the domain renders, read by the products themselves: a key that one of them does not know fails here."""

import json
import subprocess
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from lab.products import obtain
from lab.products.catalogue import PRODUCTS
from lambdas.domain.certificate import make_authority, names_for, sign
from lambdas.domain.component import Surroundings
from lambdas.domain.components import taking_part
from lambdas.domain.node import Node
from lambdas.domain.phases import Phase
from tests.builders import a_config, a_node

pytestmark = pytest.mark.e2e

CONFIG = a_config(client_pools=[{"name": "default", "drivers": ["docker", "exec", "raw_exec"]}])


@pytest.fixture(scope="session")
def binaries(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with consul, vault and nomad."""
    directory = tmp_path_factory.mktemp("binaries")
    for artifact in obtain([product for product in PRODUCTS if product.name in ("consul", "vault", "nomad")]):
        with zipfile.ZipFile(artifact.path) as archive:
            for name in archive.namelist():
                archive.extract(name, directory)
                (directory / name).chmod(0o755)
    return directory


@pytest.fixture(params=[("servers", True), ("servers", False), ("default", False)], ids=["founder", "joiner", "client"])
def host(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Node, Path]:
    """A node, and a directory with its files where /etc and /var would be."""
    group, founding = request.param
    node = a_node(group=group, config=CONFIG)
    now = datetime.now(UTC)
    authority_key, node_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = make_authority(CONFIG, authority_key, now=now, serial=1)
    ask = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([])).sign(node_key, hashes.SHA256())
    request_pem = ask.public_bytes(Encoding.PEM).decode()
    certificate = sign(request_pem, names_for(CONFIG, node), authority, authority_key, now=now, days=1, serial=2)
    surroundings = Surroundings(
        founding=founding, certificate=certificate, authority=authority, kms_key_id="unseal-key"
    )
    for entry in taking_part(node, Phase.CONFIGURE):
        for file in entry.renders[Phase.CONFIGURE](CONFIG, node, surroundings).files:
            path = tmp_path / file.path.lstrip("/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(file.content.replace("/etc/", f"{tmp_path}/etc/").replace("/var/", f"{tmp_path}/var/"))
    key = tmp_path / "etc/quorate/tls/node.key"
    key.write_bytes(node_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    for product in ("consul", "vault", "nomad"):
        (tmp_path / "var/lib" / product).mkdir(parents=True)
    return node, tmp_path


def run(*command: object) -> str:
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=60, check=False)
    return done.stdout + done.stderr


def test_consul_takes_its_configuration(binaries: Path, host: tuple[Node, Path]) -> None:
    _, root = host
    assert "Configuration is valid!" in run(binaries / "consul", "validate", root / "etc/consul.d")


def test_nomad_takes_its_configuration(binaries: Path, host: tuple[Node, Path]) -> None:
    _, root = host
    assert "Configuration is valid!" in run(binaries / "nomad", "config", "validate", root / "etc/nomad.d")


def test_vault_takes_its_configuration(binaries: Path, host: tuple[Node, Path]) -> None:
    """Less than the others say: Vault is silent about keys that it does not know."""
    node, root = host
    if "vault" not in node.serves:
        assert not (root / "etc/vault.d").exists()
        return
    said = run(binaries / "vault", "operator", "diagnose", "-format=json", f"-config={root}/etc/vault.d")
    checks = {check["name"]: check for check in json.loads(said)["children"]}
    assert checks["Parse Configuration"]["status"] == "ok", said
    storage = {check["name"]: check["status"] for check in checks["Check Storage"]["children"]}
    assert storage["Create Storage Backend"] == "ok", said
