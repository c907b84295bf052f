"""Simulated documents against the scripts they stand for: there is one for each, it prints the same keys, and it needs
no parameter that the document does not have."""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric import ec

from lab.hosts.seam import Ran
from lab.hosts.simulated.documents import DOCUMENTS
from lambdas.domain.certificate import make_authority, names_for, sign
from tests.builders import a_config, a_node
from tests.unit.account import an_account
from tests.unit.lab.test_simulated_hosts import TABLE, VAULT_BOOTSTRAP, Bench

SCRIPTS = Path(__file__).parents[2] / "ssm_documents"

RESULT = re.compile(r"^ *result (.*?[\"'])$", re.MULTILINE | re.DOTALL)
"""A call of `result`: it goes on to the first line that ends with a quote."""

SOURCE = re.compile(r'^source "\$\{BASH_SOURCE\[0\]%/\*\}/(.*)"$', re.MULTILINE)

KEY = re.compile(r"[{,]\s*\\?\"?(\w+)\\?\"?\s*:")
"""A key of JSON, of JSON in a double-quoted shell string, and of a jq object."""

GOODBYE = ("observe", "hand_over", "leave", "remove", "drain")

Keys = set[frozenset[str]]


def printed_in(path: Path) -> Keys:
    return {frozenset(KEY.findall(call)) for call in RESULT.findall(path.read_text().replace("\\\n", ""))}


def printed_by_libraries(path: Path) -> Keys:
    """What functions may print that the script takes from elsewhere."""
    found: Keys = set()
    for name in SOURCE.findall(path.read_text()):
        library = (path.parent / name).resolve()
        found |= printed_in(library) | printed_by_libraries(library)
    return found - {frozenset({"reason"})}  # how every failure ends


@pytest.fixture(scope="module")
def printed_by_model() -> Iterator[dict[tuple[str, str], Keys]]:
    """Every simulated document, run on a server and, where clients have it, on a client."""
    patch = pytest.MonkeyPatch()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        patch.setenv(name, "testing")
    with an_account():
        yield live_through_everything(Asked())
    patch.undo()


ASKED: dict[tuple[str, str], set[str]] = {}
"""Parameters that each model was given in the course of it."""


class Asked(Bench):
    def run(self, instance_id: str, component: str, phase: str, timeout: float = 5, **parameters: str) -> Ran:
        ASKED.setdefault((component, phase), set()).update(parameters)
        return super().run(instance_id, component, phase, timeout, **parameters)


def live_through_everything(bench: Bench) -> dict[tuple[str, str], Keys]:
    seen: dict[tuple[str, str], Keys] = {}

    def note(component: str, phase: str, ran: Ran, told: str | None = None) -> None:
        """`told` is the product of which the result is, where it tells of several."""
        assert ran.exit_code == 0, f"{component} {phase}: {ran.stdout}"
        result = json.loads(ran.stdout)
        seen.setdefault((component, phase), set()).add(frozenset(result[told] if told else result))

    server, other, third, client = (bench.boot(number) for number in (1, 2, 3, 4))
    nothing = {"PrerequisitesKey": "-", "PrerequisitesSha256": "-"}
    join = {"retry_join": ["provider=aws tag_key=serves tag_value=demo"], "node_pool": "default"}
    note("ca", "install", bench.run(server, "ca", "install", **nothing))
    note("ca", "configure", bench.deliver(server, "ca", "configure", a_certificate(bench, server)))
    for _ in range(2):
        note("ca", "request", bench.run(server, "ca", "request"))
    note("cni", "install", bench.install(client, "cni"))
    digest = bench.put("artifacts/image", b"image")
    packages = {"PackagesKey": "artifacts/image", "PackagesSha256": digest}
    image = {"ImageKey": "artifacts/image", "ImageSha256": digest}
    note("docker", "install", bench.run(client, "docker", "install", **packages, **image))
    for component in ("consul", "nomad", "vault_init"):
        for _ in range(2):
            note(component, "secrets", bench.run(server, component, "secrets", Generation="1"))
    for product in ("consul", "vault", "nomad"):
        for node, kind in ((server, "server"), (other, "server"), (third, "server"), (client, "client")):
            if (product, kind) == ("vault", "client"):
                continue
            content = {**join, "bootstrap_expect": 3} if kind == "server" else join
            note(product, "install", bench.install(node, product))
            note(product, "configure", bench.configure(node, product, content, kind=kind))
            note(product, "start", bench.run(node, product, "start", Kind=kind))
    values = {
        "management_secret": "consul/management-token",
        "consul": {"management_secret": "consul/management-token"},
    }
    for component in ("consul", "nomad"):
        given = {"files": [], "values": values}
        note(component, "bootstrap", bench.deliver(server, component, "bootstrap", given, Generation="1"))
    note("vault_init", "bootstrap", bench.deliver(server, "vault_init", "bootstrap", VAULT_BOOTSTRAP, Generation="1"))
    note("vault_init", "secrets", bench.run(server, "vault_init", "secrets", Generation="1"))
    keys = {"files": [], "values": {"writes": [{"path": "auth/jwt-nomad/config", "body": {}}]}}
    note("vault_workloads", "bootstrap", bench.deliver(server, "vault_workloads", "bootstrap", keys, Generation="1"))
    asked = {"request": {"NodeName": client, "NodePool": "default"}, "recipient": f"{client}.demo.quorate"}
    note("nomad", "introduce", bench.deliver(server, "nomad", "introduce", {"files": [], "values": asked}))
    for product in ("consul", "nomad"):
        everybody = {"files": [], "values": {"expected": []}}
        turn = {"Fencing": "1", "LeaseTable": TABLE, "Rotation": "1", "Step": "install"}
        note(product, "rekey", bench.deliver(server, product, "rekey", everybody, **turn))
        made = {"management_secret": "consul/management-token", "consul_tokens": [], "nomad_tokens": []}
        given = {"files": [], "values": made}
        note(product, "reissue", bench.deliver(server, product, "reissue", given, **{**turn, "Step": "make"}))
        held = {"files": [], "values": {"secrets": [{"path": ["encrypt"], "secret": "consul/agent-token-server"}]}}
        configured = {"Fencing": "1", "LeaseTable": TABLE}
        bench.hosts.world.hosts[server].files[f"/etc/{product}.d/secrets.json"] = "{}"
        note(product, "adopt", bench.deliver(server, product, "adopt", held, Kind="server", **configured))
    for product in ("consul", "vault", "nomad"):
        note(product, "reload", bench.run(server, product, "reload"))
        if product == "vault":
            note("vault_unseal", "verify", bench.run(other, "vault_unseal", "verify", Kind="server"))
        note(product, "verify", bench.run(other, product, "verify", Kind="server"))
        note("node", "observe", bench.run(other, "node", "observe", Serves=product), told=product)
        note(product, "hand_over", bench.change(server, product, "hand_over", bench.raft_id(product, server)))
        note(product, "leave", bench.change(server, product, "leave", bench.raft_id(product, server)))
        note(product, "remove", bench.change(other, product, "remove", bench.raft_id(product, server)))
        if product != "vault":
            note(product, "verify", bench.run(client, product, "verify", Kind="client"))
    note("nomad", "drain", bench.run(other, "nomad", "drain", Subject=client, DeadlineSeconds="60"))
    for product in ("consul", "nomad"):
        nobody = {"Fencing": "-", "Subject": client}
        note(product, "leave", bench.change(client, product, "leave", "-", kind="client", **nobody))
        note(product, "remove", bench.change(other, product, "remove", "-", kind="client", **nobody))
    return seen


def a_certificate(bench: Bench, node: str) -> dict[str, Any]:
    """For the key that the node made, in its file set."""
    signer = ec.generate_private_key(ec.SECP256R1())
    now, config = datetime.now(UTC), a_config()
    authority = make_authority(config, signer, now=now, serial=1)
    names = names_for(config, a_node())
    request = bench.hosts.world.hosts[node].request
    signed = sign(request, names, authority, signer, now=now, days=1, serial=2)
    files = {"/etc/quorate/tls/ca.pem": authority, "/etc/quorate/tls/node.pem": signed}
    return {"files": [{"path": path, "content": content} for path, content in files.items()]}


def test_there_is_a_model_of_each_script_and_no_other() -> None:
    scripts = {(path.parent.name, path.stem) for path in SCRIPTS.glob("*/*.sh") if path.parent.name != "lib"}
    assert set(DOCUMENTS) == scripts


@pytest.mark.parametrize(("component", "phase"), sorted(DOCUMENTS))
def test_model_and_script_print_the_same_keys(
    component: str, phase: str, printed_by_model: dict[tuple[str, str], Keys]
) -> None:
    script = SCRIPTS / component / f"{phase}.sh"
    model = printed_by_model[component, phase]
    assert printed_in(script) <= model <= printed_in(script) | printed_by_libraries(script)


@pytest.mark.parametrize(("component", "phase"), sorted(key for key in DOCUMENTS if key[1] in GOODBYE))
def test_a_goodbye_s_model_is_asked_what_its_document_declares(
    component: str, phase: str, printed_by_model: dict[tuple[str, str], Keys]
) -> None:
    declared = set(yaml.safe_load((SCRIPTS / component / f"{phase}.yaml").read_text())["parameters"])
    assert declared - {"Cluster", "Region", "Bucket", "SecretsPrefix"} == ASKED[component, phase]
