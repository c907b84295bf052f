"""Rendered configuration against files that a review can read; `make golden` writes them anew."""

import json
from pathlib import Path
from typing import Any

import pytest

from lambdas.domain.component import FileSet, Surroundings
from lambdas.domain.components import COMPONENTS
from lambdas.domain.phases import Phase
from tests.builders import a_config, a_node

GOLDEN = Path(__file__).parents[2] / "golden" / "components"

CASES = {
    "server_founding": ("servers", True),
    "server_joining": ("servers", False),
    "client": ("default", False),
}
RENDERED = [
    pytest.param(entry.name, phase, case, id=f"{entry.name}-{phase}-{case}")
    for entry in COMPONENTS
    for phase in entry.renders
    for case, (group, _) in CASES.items()
    if entry.takes_part(a_node(group=group)) and (phase is Phase.CONFIGURE or case == "server_founding")
]


def readable(files: FileSet) -> dict[str, Any]:
    """Contents as what they are, JSON or lines, so that a difference is a line of a difference."""
    shown = files.model_dump()
    for file in shown["files"]:
        text = file["content"]
        file["content"] = json.loads(text) if file["path"].endswith(".json") else text.splitlines()
    return shown


def rendered(name: str, phase: Phase, case: str) -> FileSet:
    group, founding = CASES[case]
    entry = next(entry for entry in COMPONENTS if entry.name == name)
    config = a_config(client_pools=[{"name": "default", "drivers": ["docker", "exec", "raw_exec"]}])
    surroundings = Surroundings(
        founding=founding, certificate="the certificate\n", authority="the authority\n", kms_key_id="unseal-key"
    )
    return entry.renders[phase](config, a_node(1, group=group, config=config), surroundings)


@pytest.mark.parametrize(("name", "phase", "case"), RENDERED)
def test_rendered_configuration_is_the_reviewed_one(
    name: str, phase: Phase, case: str, request: pytest.FixtureRequest
) -> None:
    path = GOLDEN / name / (f"{case}.json" if phase is Phase.CONFIGURE else f"{phase}.json")
    text = json.dumps(readable(rendered(name, phase, case)), indent=2) + "\n"
    if request.config.getoption("--update-golden"):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert text == path.read_text(), "look at the difference; if it is meant, run `make golden`"


def test_no_golden_file_is_left_over() -> None:
    expected = {
        GOLDEN / name / (f"{case}.json" if phase is Phase.CONFIGURE else f"{phase}.json")
        for name, phase, case in (param.values for param in RENDERED)
    }
    assert set(GOLDEN.rglob("*.json")) == expected
