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
    """But for what follows from the flow of commands, which takes as long as all else and is looked at below."""
    script = script_of(component, phase)
    assert shellcheck(script, "--extended-analysis=false") == ("", 0)
    functions = re.findall(r"^(\w+)\(\) [{(]", script, re.MULTILINE)
    assert len(functions) == len(set(functions)), "one function takes another's name"


def test_no_command_is_out_of_reach_and_no_value_falls_apart() -> None:
    """By how commands follow one another: all scripts in one text, each a function, after the library that they share.
    Functions of one name, which no document has, are then called by nobody, or without their arguments; what is
    assigned nowhere, each document tells by itself."""
    text = ["#!/usr/bin/env bash", "set -Eeuo pipefail"]
    for library in (script for script in SCRIPTS if script.parent.name == "lib"):
        text += without_sources(library)
    for component, phase in ALL:
        text += [f"{component}_{phase}() {{", *without_sources(DOCUMENTS / component / f"{phase}.sh"), "}"]
    text += ["case $1 in", *(f'{name}) {name} "$@" ;;' for name in map("_".join, ALL)), "esac"]
    assert shellcheck("\n".join(text) + "\n", "--exclude=SC2329,SC2119,SC2120,SC2154") == ("", 0)


def shellcheck(text: str, *options: str) -> tuple[str, int]:
    command = [TOOLS / "shellcheck", "--format=gcc", *options, "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
    return done.stdout, done.returncode


def without_sources(script: Path) -> list[str]:
    return [line for line in script.read_text().splitlines()[1:] if not line.startswith("source ")]


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
