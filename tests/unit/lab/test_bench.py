"""What the bench computes from what it measured. Its measurements themselves are `make bench`."""

import json
import tarfile
import time
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from typer.testing import CliRunner

from lab.aws import ExecutionRecord
from lab.bench import decision
from lab.bench.command import PARTS, app
from lab.bench.figures import Figure, median_figure
from lab.bench.floor_node import REQUESTS, Trust, pack, seed_members
from lab.bench.launches import kind_of, round_trips
from lab.bench.timeline import covered, top_states
from lab.bench.watch import NotFormedError, Watch
from lab.hosts.seam import Ran
from lab.survey.apis import Apis
from lab.survey.products import ProductSurveyor
from lambdas.domain import cluster_file
from lambdas.domain.membership.decision import decide
from lambdas.domain.membership.observation import Raft
from lambdas.domain.names import SECRET_NAMES, autoscaling_group
from lambdas.domain.node import Instance, Node, describe_node
from lambdas.domain.observed import observe

LAB = Path(__file__).parents[3] / "clusters" / "lab.yaml"
STARTED = datetime(2026, 1, 1, tzinfo=UTC)


def _node(group: str) -> Node:
    config = cluster_file.load(LAB)
    instance = Instance(instance_id="i-0123456789abcdef0", private_ip="10.77.0.4", availability_zone="eu-west-1a")
    return describe_node(config, instance, autoscaling_group(config.name, group))


def _execution(*events: tuple[float, str, str]) -> ExecutionRecord:
    """Events: after so many seconds, of that type, of the state of that name."""
    history: list[dict[str, Any]] = []
    for seconds, kind, name in events:
        at = (STARTED + timedelta(seconds=seconds)).isoformat()
        event: dict[str, Any] = {"type": kind, "timestamp": at}
        if kind.endswith("Entered"):
            event["stateEnteredEventDetails"] = {"name": name}
        history.append(event)
    return ExecutionRecord("arn", "name", "machine", "SUCCEEDED", None, None, {}, {}, STARTED, None, history)


@pytest.fixture
def launch() -> ExecutionRecord:
    return _execution(
        (0, "TaskStateEntered", "Plan"),
        (1, "TaskScheduled", ""),
        (2, "TaskStateExited", "Plan"),
        (2, "MapStateEntered", "Install"),
        (2, "TaskStateEntered", "Send"),
        (2, "TaskStateEntered", "Send"),
        (3, "TaskScheduled", ""),
        (3, "TaskScheduled", ""),
        (5, "TaskStateExited", "Send"),
        (6, "TaskStateExited", "Send"),
        (6, "MapStateExited", "Install"),
        (6, "MapStateEntered", "Verify"),
        (6, "MapStateExited", "Verify"),
        (6, "SucceedStateEntered", "Done"),
    )


def test_a_figure_without_a_target_is_not_judged() -> None:
    assert Figure("part", "name", 1.0, "s").met is None
    assert Figure("part", "name", 1.0, "s", target=1.0).met is True
    assert Figure("part", "name", 1.1, "s", target=1.0, aim=0.5).met is False


def test_the_value_is_the_median_of_the_samples() -> None:
    figure = median_figure("part", "name", [9.0, 1.0, 2.0], "s", target=2.0)
    assert (figure.value, figure.samples, figure.met) == (2.0, (9.0, 1.0, 2.0), True)


def test_states_inside_of_a_map_are_not_the_machines_own(launch: ExecutionRecord) -> None:
    zero = STARTED.timestamp()
    spans = [(name, first - zero, last - zero) for name, (first, last) in top_states(launch)]
    assert spans == [("Plan", 0, 2), ("Install", 2, 6), ("Verify", 6, 6), ("Done", 6, float("inf"))]


def test_commands_side_by_side_are_one_round_trip_and_an_empty_map_is_none(launch: ExecutionRecord) -> None:
    assert round_trips(launch) == 1


def test_a_launch_that_planned_nothing_is_of_no_kind(launch: ExecutionRecord) -> None:
    assert kind_of(launch) == ""


def test_spans_that_overlap_count_once() -> None:
    assert covered([(3, 4), (0, 2), (1, 2.5)]) == [(0, 2.5), (3, 4)]


def test_a_node_of_the_floor_gets_what_quorate_would_give_it() -> None:
    trust = Trust.make(cluster_file.load(LAB))
    packed = tarfile.open(fileobj=BytesIO(pack(trust, _node("servers"), "key-1")))  # noqa: SIM115 it is in memory
    files = {f"/{entry.name}": entry for entry in packed if entry.isfile()}

    def read(path: str) -> bytes:
        body = packed.extractfile(files[path])
        assert body is not None
        return body.read()

    assert json.loads(read("/etc/consul.d/consul.json"))["bootstrap_expect"] == 3
    assert json.loads(read("/etc/vault.d/vault.json"))["seal"]["awskms"]["kms_key_id"] == "key-1"
    for product, place in (("consul", "serf/local.keyring"), ("nomad", "server/serf.keyring")):
        assert json.loads(read(f"/var/lib/{product}/{place}")) == [trust.secrets[f"{product}/gossip-key"]]
    certificate = x509.load_pem_x509_certificate(read("/etc/quorate/tls/node.pem"))
    certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(trust.certificate.encode()))
    key = files["/etc/quorate/tls/node.key"]
    assert (key.mode, key.gname) == (0o640, "quorate-tls")


def test_a_client_of_the_floor_gets_no_servers_secrets() -> None:
    trust = Trust.make(cluster_file.load(LAB))
    text = pack(trust, _node("default"), "key-1").decode(errors="replace")
    hidden = [name for name in SECRET_NAMES if "server" in name or "management" in name or name == "nomad/gossip-key"]
    assert [name for name in hidden if trust.secrets[name] in text] == []


def test_the_seed_is_told_every_token_that_nodes_use() -> None:
    trust = Trust.make(cluster_file.load(LAB))
    made = seed_members(trust, _node("servers"), "#!/bin/bash\n", "job {}", {"a": "b"}, {"https://x": _node("default")})
    members = {one.path: one for one in made}
    tokens = members[f"{REQUESTS}/consul-tokens"].content
    assert all(trust.secrets[f"consul/agent-token-{kind}"] in tokens for kind in ("server", "client"))
    assert members[f"{REQUESTS}/job.vars"].content == 'a = "b"\n'
    assert {one.mode & 0o077 for one in members.values()} == {0}
    introduction = members[f"{REQUESTS}/introduction-0"].content
    assert "acl/identity/client-introduction-token" in introduction
    assert 'url = "https://x"' in introduction


def test_who_watches_a_formation_that_does_not_come_says_what_is_missing() -> None:
    config = cluster_file.load(LAB)

    def nothing(*args: Any) -> None: ...

    surveyor = ProductSurveyor(Apis(nothing, config), lambda product: {}, lambda *args: Ran(1, "", ""))
    watch = Watch(config, surveyor, Apis(nothing, config), list, None, nothing, patience_seconds=0.1)
    with pytest.raises(NotFormedError, match=r"missing: the voters of consul, .*, a running allocation"):
        watch.until_formed(time.monotonic())


def test_the_decision_that_is_timed_asks_every_row_of_seven_servers() -> None:
    """Seven voters of whom one leaves: the answer stands in one of the last rows."""
    config = cluster_file.load(LAB)
    observation = observe(config, decision.sample_servers(config), (), decision.sample_answers())
    assert {len(raft.voters) for raft in observation.rafts.values() if isinstance(raft, Raft)} == {7}
    decided = decide(observation, observation.servers[0].instance_id)
    assert (decided.kind, decided.row) == ("act", "leave")


def test_help_names_every_part() -> None:
    said = CliRunner().invoke(app, ["--help"]).output
    assert all(part in said for part in PARTS)


@pytest.mark.parametrize("arguments", [["--only", "everything"], ["--sizes", "3,three"], ["--sizes", "3,3"]])
def test_a_bad_word_is_refused_before_anything_is_measured(arguments: list[str], tmp_path: Path) -> None:
    output = tmp_path / "bench.json"
    ended = CliRunner().invoke(app, [*arguments, "--output", str(output)])
    assert ended.exit_code == 2
    assert not output.exists()
