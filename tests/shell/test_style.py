"""What every script has in common: clean by the linters, strict, and done before the agent loses patience."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from cdk_app import document_source
from lambdas.domain.components import COMPONENTS
from tests.shell.scratch_node import DOCUMENTS, document, script_of

TOOLS = Path(sys.executable).parent
ALL = document_source.documents(DOCUMENTS)
SCRIPTS = sorted(DOCUMENTS.glob("*/*.sh"))


def test_there_is_a_document_for_each_phase_of_each_component() -> None:
    table = {(component.name, str(phase)) for component in COMPONENTS for phase in component.phases}
    assert set(ALL) == table


@pytest.mark.parametrize(("component", "phase"), ALL)
def test_what_runs_on_nodes_is_clean_by_shellcheck(component: str, phase: str) -> None:
    done = subprocess.run(
        [TOOLS / "shellcheck", "--format=gcc", "-"],
        input=script_of(component, phase),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stdout, done.returncode) == ("", 0)


def test_scripts_are_formatted() -> None:
    done = subprocess.run([TOOLS / "shfmt", "-i", "2", "-d", DOCUMENTS], capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("", 0)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_script_is_strict_short_and_says_what_it_is_for(script: Path) -> None:
    lines = script.read_text().splitlines()
    library = script.parent.name == "lib"
    assert lines[0] == ("# shellcheck shell=bash" if library else "#!/usr/bin/env bash")
    assert lines[1].startswith("# ")
    assert len(lines) <= 180
    assert max(map(len, lines)) <= 120
    if not library:
        assert "set -Eeuo pipefail" in lines
        assert lines[-1] == 'main "$@"'


@pytest.mark.parametrize(("component", "phase"), ALL)
def test_a_script_gives_up_before_the_agent_ends_it(component: str, phase: str) -> None:
    """A reason is worth more than TimedOut: no single wait is as long as the document may run."""
    content = document(component, phase)
    allowed = int(content["mainSteps"][0]["inputs"]["timeoutSeconds"])
    (declared,) = [dict(entry.phases)[phase] for entry in COMPONENTS if entry.name == component]
    waits = [int(found) for found in re.findall(r"(?:wait_until|await_service) (\d+) ", script_of(component, phase))]
    assert allowed == declared
    assert max(waits, default=0) < allowed


def test_a_parameter_means_the_same_in_every_document() -> None:
    seen: dict[str, object] = {}
    for component, phase in ALL:
        for name, parameter in document(component, phase)["parameters"].items():
            assert seen.setdefault(name, parameter) == parameter, f"{component}/{phase}: {name}"
