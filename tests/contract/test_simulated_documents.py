"""Simulated documents against the scripts they stand for: there is one for each, and it prints the same keys."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from moto import mock_aws

from lab.hosts.seam import Ran
from lab.hosts.simulated.documents import DOCUMENTS
from tests.unit.lab.test_simulated_hosts import VAULT_BOOTSTRAP, Bench

SCRIPTS = Path(__file__).parents[2] / "ssm_documents"

RESULT = re.compile(r"^ *result (.*?[\"'])$", re.MULTILINE | re.DOTALL)
"""A call of `result`: it goes on to the first line that ends with a quote."""

KEY = re.compile(r"[{,]\s*\\?\"?(\w+)\\?\"?\s*:")
"""A key of JSON, of JSON in a double-quoted shell string, and of a jq object."""

Keys = set[frozenset[str]]


def printed_by_script(component: str, phase: str) -> Keys:
    """The keys of each result that the script may print."""
    text = (SCRIPTS / component / f"{phase}.sh").read_text()
    return {frozenset(KEY.findall(call)) for call in RESULT.findall(text)}


@pytest.fixture(scope="module")
def printed_by_model() -> Iterator[dict[tuple[str, str], Keys]]:
    """Every simulated document, run on a server and, where clients have it, on a client."""
    patch = pytest.MonkeyPatch()
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        patch.setenv(name, "testing")
    with mock_aws():
        yield live_through_everything(Bench())
    patch.undo()


def live_through_everything(bench: Bench) -> dict[tuple[str, str], Keys]:
    seen: dict[tuple[str, str], Keys] = {}

    def note(component: str, phase: str, ran: Ran) -> None:
        assert ran.exit_code == 0, f"{component} {phase}: {ran.stdout}"
        seen.setdefault((component, phase), set()).add(frozenset(json.loads(ran.stdout)))

    server, other, client = bench.boot(1), bench.boot(2), bench.boot(3)
    nothing = {"PrerequisitesKey": "-", "PrerequisitesSha256": "-"}
    join = {"retry_join": ["provider=aws tag_key=serves tag_value=demo"], "node_pool": "default"}
    note("ca", "install", bench.run(server, "ca", "install", **nothing))
    note("ca", "configure", bench.deliver(server, "ca", "configure", {"files": []}))
    note("cni", "install", bench.install(client, "cni"))
    digest = bench.put("artifacts/image", b"image")
    artifact = {"ArtifactKey": "artifacts/image", "ArtifactSha256": digest, "Version": "1"}
    image = {"ImageKey": "artifacts/image", "ImageSha256": digest}
    note("docker", "install", bench.run(client, "docker", "install", **artifact, **image))
    for component in ("consul", "nomad", "vault_init"):
        for _ in range(2):
            note(component, "secrets", bench.run(server, component, "secrets", Generation="1"))
    for product in ("consul", "vault", "nomad"):
        for node, kind in ((server, "server"), (other, "server"), (client, "client")):
            if (product, kind) == ("vault", "client"):
                continue
            content = {**join, "bootstrap_expect": 2} if kind == "server" else join
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
    for phase in ("verify", "leave"):
        for product in ("consul", "vault", "nomad"):
            note(product, phase, bench.run(other, product, phase, Kind="server"))
            if product != "vault":
                note(product, phase, bench.run(client, product, phase, Kind="client"))
    return seen


def test_there_is_a_model_of_each_script_and_no_other() -> None:
    scripts = {(path.parent.name, path.stem) for path in SCRIPTS.glob("*/*.sh") if path.parent.name != "lib"}
    assert set(DOCUMENTS) == scripts


@pytest.mark.parametrize(("component", "phase"), sorted(DOCUMENTS))
def test_model_and_script_print_the_same_keys(
    component: str, phase: str, printed_by_model: dict[tuple[str, str], Keys]
) -> None:
    assert printed_by_model[component, phase] == printed_by_script(component, phase)
