"""Commands where no lab runs, and what they print of one that does."""

import json
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto import mock_aws
from typer.testing import CliRunner

from lab.cli import app
from lab.cli.follow import follow
from lab.cli.output import Output
from lab.cli.tables import goodbye_line, job_line, journal_table, nodes_table, products_table
from lab.nodes import NodeView, PhaseView, find_node
from lambdas.domain import names


@pytest.fixture
def runner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    monkeypatch.setenv("QUORATE_LAB_STATE", str(tmp_path / "state"))
    return CliRunner()


@pytest.mark.parametrize(
    "command", [["status"], ["scale", "--servers", "5"], ["logs"], ["journal"], ["token", "nomad"], ["fault", "heal"]]
)
def test_without_a_lab_commands_say_how_to_get_one(runner: CliRunner, command: list[str]) -> None:
    result = runner.invoke(app, command)
    assert result.exit_code == 1
    assert "no lab is running" in result.output
    assert "Next: make up" in result.output


def test_json_carries_the_failure(runner: CliRunner) -> None:
    result = runner.invoke(app, ["--json", "status"])
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {"failed": "no lab is running"}


def test_a_lab_that_died_is_told_from_none(runner: CliRunner, tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    record = {"pid": 2**22 + 1, "started_at_ticks": 1, "kind": "simulated", "cluster": "x", "socket": "/nowhere"}
    (state / "record.json").write_text(json.dumps(record))
    result = runner.invoke(app, ["status"])
    assert "has died" in result.output
    assert "make down" in result.output


@pytest.mark.parametrize(("system", "told"), [("ubuntu_24_04", False), ("amazon_linux_2023", True)])
@mock_aws
def test_the_mirror_has_what_the_clusters_own_nodes_need(
    runner: CliRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str, told: bool
) -> None:
    cluster = tmp_path / "cluster.yaml"
    cluster.write_text(f"name: demo\nregion: us-east-1\nsystem: {system}\n")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    boto3.client("s3", region_name="us-east-1").create_bucket(Bucket=names.bucket("demo", "123456789012", "us-east-1"))
    asked: list[tuple[str, str]] = []
    monkeypatch.setattr("lab.cli.mirror.gather", lambda report, arch, system: asked.append((system, arch)) or [])
    result = runner.invoke(app, ["artifacts", "--cluster", str(cluster)])
    assert result.exit_code == 0, result.output
    assert asked == [(system, "arm64")]
    assert ("own repositories" in result.output) == told


def test_up_refuses_hosts_that_do_not_exist(runner: CliRunner) -> None:
    result = runner.invoke(app, ["up", "--hosts", "metal"])
    assert result.exit_code == 1
    assert "not one of: container, simulated" in result.output


def test_up_says_every_problem_of_a_cluster_file(runner: CliRunner, tmp_path: Path) -> None:
    cluster = tmp_path / "wrong.yaml"
    cluster.write_text("name: lab\nserver_groups:\n  - {name: servers, size: 4}\ncolour: red\n")
    result = runner.invoke(app, ["up", "--hosts", "simulated", "--cluster", str(cluster)])
    assert result.exit_code == 1
    assert "colour" in result.output
    assert "size" in result.output


def test_scale_needs_something_to_scale(runner: CliRunner) -> None:
    assert "make scale SERVERS=5 CLIENTS=3" in runner.invoke(app, ["scale"]).output


def test_every_command_explains_itself(runner: CliRunner) -> None:
    for command in ("up", "status", "scale", "shell", "logs", "journal", "token", "fault", "down", "artifacts"):
        result = runner.invoke(app, [command, "--help"])
        assert result.exit_code == 0
        assert len(result.output.splitlines()) > 4


def seen(stage: str, *nodes: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "stage": stage,
        "seconds": 1.0,
        "steps": ["deploy: deploying quorate-lab"],
        "formation": {},
        "nodes": list(nodes),
        "failed_launches": [],
        **more,
    }


def node(state: str, **phases: str) -> dict[str, Any]:
    views = {phase: {"state": view, "text": view} for phase, view in phases.items()}
    return {"instance_id": "i-1", "group": "servers", "address": "10.0.0.1", "state": state, "phases": views}


def test_a_log_gets_one_line_a_change(capsys: pytest.CaptureFixture[str]) -> None:
    answers = iter(
        [
            seen("forming", node("Pending:Wait", install="running")),
            seen("forming", node("Pending:Wait", install="done")),
            seen("ready", node("InService", install="done")),
        ]
    )
    follow(Output(as_json=False), lambda: next(answers), lambda one: one["stage"] == "ready")
    lines = [line.split("s  ", 1)[1].strip() for line in capsys.readouterr().out.splitlines()]
    assert lines == [
        "deploy: deploying quorate-lab",
        "servers i-1 10.0.0.1 Pending:Wait",
        "stage forming",
        "servers i-1 10.0.0.1 install done",
        "servers i-1 10.0.0.1 InService",
        "stage ready",
    ]


STATUS: dict[str, Any] = {
    "nodes": [
        {"instance_id": "i-1", "group": "servers", "address": "10.0.0.1", "state": "InService"},
        {"instance_id": "i-2", "group": "servers", "address": "10.0.0.2", "state": "InService"},
    ],
    "certificates": {"i-1": {"serial": "1f", "not_after": "2026-12-24T23:00:00+00:00", "days_left": 29.6}},
    "clients_ready": [],
    "products": {
        name: {
            "leader": "i-1",
            "voters": ["i-1"],
            "non_voters": ["i-2"],
            "clusters": 1,
            "problem": None,
            "sealed": {"i-1": False, "i-2": True} if name == "vault" else {},
        }
        for name in ("consul", "vault", "nomad")
    },
    "job": None,
}


def printed(table: Any, capsys: pytest.CaptureFixture[str]) -> str:
    Output(as_json=False).console.print(table)
    return capsys.readouterr().out


def test_the_tables_name_leaders_voters_and_what_is_sealed(capsys: pytest.CaptureFixture[str]) -> None:
    nodes = printed(nodes_table(STATUS), capsys)
    assert nodes.splitlines()[1].split() == ["i-1", "servers", "10.0.0.1", "InService", *["leader"] * 3, "30", "days"]
    assert "non-voter sealed" in nodes
    assert "sealed: i-2" in printed(products_table(STATUS), capsys)
    assert "none was submitted" in job_line(STATUS)


def test_a_split_brain_cannot_be_overlooked(capsys: pytest.CaptureFixture[str]) -> None:
    products = {**STATUS["products"], "consul": {**STATUS["products"]["consul"], "clusters": 2}}
    assert "2 clusters: split brain" in printed(products_table({**STATUS, "products": products}), capsys)


def test_a_held_server_is_told_from_one_that_leaves(capsys: pytest.CaptureFixture[str]) -> None:
    why = {"decision": "wait", "reason": "2 voters of consul would remain", "outcome": ""}
    held = goodbye_line({"node": "i-1", "state": "Terminating:Retained", **why})
    leaving = goodbye_line({"node": "i-2", "state": "Terminating:Wait", "decision": "", "reason": "", "outcome": ""})
    assert "held:[/] i-1, wait 2 voters of consul would remain" in held
    assert "leaving:[/] i-2, nothing was decided yet" in leaving


def test_the_journal_shows_the_newest_last(capsys: pytest.CaptureFixture[str]) -> None:
    entry = {"node": "i-1", "what": "goodbye", "reason": "", "outcome": "", "execution": "arn:a:b:0123456789"}
    entries = [
        {**entry, "at": f"2026-11-24T02:0{minute}:00.000001Z", "decision": decision}
        for minute, decision in ((1, "wait"), (2, "act"))
    ]
    lines = printed(journal_table(entries), capsys).splitlines()
    assert lines[-1].split() == ["2026-11-24", "02:02:00", "i-1", "goodbye", "act", "01234567"]


NODES = [
    NodeView("i-0aa", "servers", "10.0.0.1", "a", "InService"),
    NodeView("i-0ab", "servers", "10.0.0.2", "b", "InService"),
    NodeView("i-0b1", "default", "10.0.0.3", "a", "InService"),
]


@pytest.mark.parametrize("given", ["i-0ab", "10.0.0.2", "servers/1"])
def test_a_node_is_found_by_what_people_know_of_it(given: str) -> None:
    assert find_node(NODES, given).instance_id == "i-0ab"


@pytest.mark.parametrize("given", ["i-0a", "servers/7", "10.0.0.9", ""])
def test_what_fits_no_node_or_several_is_refused_with_what_there_is(given: str) -> None:
    with pytest.raises(LookupError, match=r"i-0b1 \(10.0.0.3, default\)"):
        find_node(NODES, given)


def test_a_phase_is_done_when_all_its_components_are() -> None:
    assert str(PhaseView({"consul": "Success", "vault": "InProgress"})) == "1/2"
    assert str(PhaseView({"consul": "Success", "vault": "Failed"})) == "failed"
    assert str(PhaseView({"consul": "Success"})) == "done"


def test_container_hosts_without_root_are_refused_with_the_way_out(
    runner: CliRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    result = runner.invoke(app, ["up", "--hosts", "container"])
    assert result.exit_code == 1
    assert "container hosts need root" in result.output
    assert "make up HOSTS=simulated" in result.output
