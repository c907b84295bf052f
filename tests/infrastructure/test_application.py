"""`app.py` as the CDK's command line runs it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from cdk_app import lambda_package

ROOT = Path(__file__).parents[2]


def run(out: Path, **context: object) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"CDK_OUTDIR": str(out), "CDK_CONTEXT_JSON": json.dumps(context)}
    command = [sys.executable, "app.py"]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def test_every_cluster_file_of_ours_synthesises_without_a_network(tmp_path: Path) -> None:
    files = sorted((ROOT / "clusters").glob("*.yaml"))
    assert {"example.yaml", "lab.yaml"} <= {path.name for path in files}
    lambda_package.build()  # the first synth of all fetches its requirements
    nowhere = {"https_proxy": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"}
    with pytest.MonkeyPatch.context() as patched:
        for name, value in nowhere.items():
            patched.setenv(name, value)
        done = run(tmp_path, clusters=",".join(str(path) for path in files))
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    stacks = json.loads((tmp_path / "manifest.json").read_text("utf-8"))["artifacts"]
    made = {name for name, one in stacks.items() if one["type"] == "aws:cloudformation:stack"}
    assert made == {f"quorate-{path.stem}" for path in files}


def test_a_refused_cluster_file_is_told_without_a_traceback(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yaml"
    broken.write_text("name: broken\nserver_groups: [{name: servers, size: 4}]\nflavour: sweet\n", "utf-8")
    done = run(tmp_path / "out", clusters=str(broken))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "size" in done.stderr
    assert "flavour" in done.stderr, "every problem at once"
    assert not list(tmp_path.rglob("*.template.json"))


def test_no_cluster_file_is_a_problem_too(tmp_path: Path) -> None:
    done = run(tmp_path, clusters="")
    assert (done.returncode, "no cluster file is named" in done.stderr) == (1, True)


def test_the_command_line_is_pinned() -> None:
    package = json.loads((ROOT / "package.json").read_text("utf-8"))
    lock = json.loads((ROOT / "package-lock.json").read_text("utf-8"))
    version = package["devDependencies"]["aws-cdk"]
    assert version[0].isdigit(), "exactly one version: the newest major one does not read what our CDK writes"
    assert lock["packages"]["node_modules/aws-cdk"]["version"] == version
    assert "resolved" not in lock["packages"]["node_modules/aws-cdk"], "names the registry of one machine"
