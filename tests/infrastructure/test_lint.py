"""Templates as CloudFormation's own linter sees them. cdk-nag has its say in the synth of `conftest.py`."""

import subprocess
import sys
from pathlib import Path

from tests.infrastructure.template import Template

CONFIGURATION = Path(__file__).parent / "cfnlint.yaml"


def test_cfn_lint_finds_nothing(templates: dict[str, Template]) -> None:
    """One of them and its nested one, with every kind of resource that the others have: linting takes seconds."""
    linted = templates["separate"]
    kinds = {name: {one["Type"] for one in each.content["Resources"].values()} for name, each in templates.items()}
    assert all(others <= kinds["separate"] for others in kinds.values())
    paths = [linted.path, linted.nested.path]
    command = [Path(sys.executable).parent / "cfn-lint", "--config-file", CONFIGURATION, *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
