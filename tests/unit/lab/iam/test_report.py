"""What was granted and never used, over runs of clusters with different names."""

import json
from pathlib import Path

import pytest

from lab.aws.iam.__main__ import main
from lab.aws.iam.report import Exemption, Permission, exemptions, read, report

TABLE = "arn:aws:dynamodb:eu-west-1:123456789012:table/<ClusterRecordsABCDEF01>"


def keep(folder: Path, process: int, *rows: tuple[str, str, str, str, bool]) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / f"{process}.json").write_text(json.dumps(rows))
    return folder


def document(cluster: str) -> str:
    return f"arn:aws:ssm:eu-west-1:123456789012:document/quorate-{cluster}-ca-install"


def test_what_any_cluster_used_is_used(tmp_path: Path) -> None:
    place = keep(
        tmp_path,
        1,
        ("quorate-three", "SenderAAAAAAAA", "ssm:SendCommand", document("three"), False),
        ("quorate-three", "SenderAAAAAAAA", "dynamodb:GetItem", TABLE, False),
    )
    keep(tmp_path, 2, ("quorate-five", "SenderAAAAAAAA", "ssm:SendCommand", document("five"), True))
    keep(tmp_path, 3, ("another", "Sender", "ssm:SendCommand", "*", False))
    found = read([place])
    assert found == {
        Permission("Sender", "ssm:SendCommand", document("{cluster}")): True,
        Permission("Sender", "dynamodb:GetItem", TABLE.replace("ABCDEF01", "")): False,
    }


def test_names_of_clusters_that_begin_alike_stay_apart(tmp_path: Path) -> None:
    resource = "arn:aws:ssm:eu-west-1:123456789012:parameter/quorate/lab2/config"
    keep(tmp_path, 1, ("quorate-lab", "R", "ssm:GetParameter", resource, False))
    assert next(iter(read([tmp_path]))).resource == resource


def test_what_was_done_to_one_group_may_be_done_to_each(tmp_path: Path) -> None:
    """Which groups there are, and how they are called, is the cluster file's."""
    groups = [
        f"autoScalingGroup:*:autoScalingGroupName/<ClusterGroup{name}GroupABCDEF01>" for name in ("jobs", "cells")
    ]
    of_three = [("quorate-three", "R", "autoscaling:SetInstanceHealth", group, group == groups[0]) for group in groups]
    keep(tmp_path, 1, *of_three)
    group = "autoScalingGroup:*:autoScalingGroupName/<group>"
    assert read([tmp_path]) == {Permission("R", "autoscaling:SetInstanceHealth", group): True}


def test_an_exemption_covers_and_is_told_when_it_covers_nothing() -> None:
    used, logs, table = (
        Permission("Sender", "ssm:SendCommand", "*"),
        Permission("Sender", "logs:PutLogEvents", "*"),
        Permission("Sender", "dynamodb:GetItem", "t"),
    )
    runtime = Exemption("the runtime", ["logs:*"], ["Send*"])
    idle = Exemption("nobody", ["sqs:*"])
    made = report({used: True, logs: False, table: False}, [runtime, idle])
    assert (made.used, made.unused, made.idle) == ((used,), (table,), (idle,))
    assert dict(made.justified) == {logs: "the runtime"}


def test_every_committed_exemption_has_a_reason() -> None:
    assert all(len(one.reason) > 40 and one.actions for one in exemptions())


def test_the_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path)]) == 2
    keep(tmp_path, 1, ("quorate-a", "RoleAAAAAAAA", "dynamodb:GetItem", TABLE, False))
    assert main([str(tmp_path)]) == 0
    assert "1 permissions: 0 used, 0 unused for a reason, 1 unused without one" in capsys.readouterr().out
    assert main(["--check", "--json", str(tmp_path)]) == 1
    assert json.loads(capsys.readouterr().out)["unused"][0]["role"] == "Role"
