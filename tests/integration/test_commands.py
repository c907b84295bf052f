"""The commands over one simulated lab, from up to down, the way a user types them."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).parents[2]
CLUSTER = REPOSITORY / "clusters" / "lab.yaml"


class Commands:
    def __init__(self, state: Path) -> None:
        self.environment = os.environ | {
            "QUORATE_LAB_STATE": str(state),
            "QUORATE_LAB": "commands",
            "QUORATE_LAB_TIME_SCALE": "0.1",
        }

    def __call__(self, *arguments: str, code: int = 0) -> str:
        """Run a command to its end; its output."""
        done = subprocess.run(
            [sys.executable, "-m", "lab", *arguments],
            cwd=REPOSITORY,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=150,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def up(self) -> str:
        return self("up", "--hosts", "simulated", "--cluster", str(CLUSTER))

    def status(self) -> dict[str, Any]:
        found = json.loads(self("--json", "status"))
        assert isinstance(found, dict)
        return found


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commands]:
    commands = Commands(tmp_path_factory.mktemp("lab"))
    try:
        said = commands.up()
        assert "stage ready" in said
        assert "Next: make scale" in said
        yield commands
    finally:
        commands("down")
    assert "there was nothing to remove" in commands("down")


def test_up_ends_with_a_formed_cluster_that_runs_a_job(lab: Commands) -> None:
    status = lab.status()
    assert status["stage"] == "ready"
    assert status["formation"]["status"] == "formed"
    for product in status["products"].values():
        assert len(product["voters"]) == 3
        assert product["leader"] in product["voters"]
        assert product["clusters"] == 1
    assert set(status["products"]["vault"]["sealed"].values()) == {False}
    assert status["job"]["status"] == "running"


def test_status_says_how_long_certificates_last(lab: Commands) -> None:
    status = lab.status()
    assert set(status["certificates"]) == {node["instance_id"] for node in status["nodes"]}
    assert {round(one["days_left"]) for one in status["certificates"].values()} == {30}
    assert lab("status").count("30 days") == 4


def test_certificates_age_on_demand(lab: Commands) -> None:
    before = lab.status()["certificates"]
    assert "4 certificates count as signed 21 days earlier" in lab("fault", "age-certificates")
    aged = lab.status()["certificates"]
    for instance_id, one in before.items():
        renewed = aged[instance_id]["serial"] != one["serial"]
        assert round(aged[instance_id]["days_left"]) == (30 if renewed else 9)


def test_up_again_follows_the_lab_that_runs(lab: Commands) -> None:
    assert "the lab runs already" in lab.up()


def test_another_lab_beside_it_is_refused(lab: Commands) -> None:
    assert "another lab runs already: HOSTS=simulated" in lab(
        "up", "--hosts", "container", "--cluster", str(CLUSTER), code=1
    )


def test_logs_tell_what_ran_on_a_node(lab: Commands) -> None:
    logs = json.loads(lab("--json", "logs", "servers/0"))
    documents = [command["document"] for command in logs["commands"]]
    assert {"quorate-lab-ca-install", "quorate-lab-consul-start", "quorate-lab-vault-verify"} <= set(documents)
    assert {command["status"] for command in logs["commands"]} == {"Success"}


def test_a_token_is_printed_to_who_asks_for_it(lab: Commands) -> None:
    assert len(lab("token", "nomad").strip()) == 36
    assert "revoked" in lab("token", "vault", code=1)


def test_a_size_out_of_range_changes_nothing(lab: Commands) -> None:
    assert "9 is not between 3 and 7" in lab("scale", "--servers", "9", code=1)


def test_a_fault_says_what_it_did_and_how_it_ends(lab: Commands) -> None:
    said = lab("fault", "pause-agent", "servers/0")
    assert "answers nobody" in said
    assert 'Next: make fault FAULT="resume-agent i-' in said
    assert "its agent is paused" in lab("status")
    assert json.loads(lab("--json", "fault", "list"))["active"][0].endswith("its agent is paused")
    assert "agents answer" in lab("fault", "clear")
    assert json.loads(lab("--json", "fault", "list")) == {"active": []}
    assert "no function has 'nonsense'" in lab("fault", "kill-lambda", "nonsense", code=1)


def test_the_journal_tells_what_was_decided(lab: Commands) -> None:
    assert "entries" in json.loads(lab("--json", "journal"))
    assert "Next: make status" in lab("journal")


def test_scaling_adds_voters_without_another_formation(lab: Commands) -> None:
    lab("scale", "--servers", "5", "--clients", "2")
    status = lab.status()
    assert {len(product["voters"]) for product in status["products"].values()} == {5}
    assert len(status["clients_ready"]) == 2
    assert status["formation"]["attempt"] == "1"
