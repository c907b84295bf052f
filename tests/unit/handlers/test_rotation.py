"""The handlers of rotate_secrets, on a table of their own: what a turn begins, and what an answer ends."""

from typing import Any

import pytest
from pydantic import ValidationError

from lambdas.aws import rotation_record, table
from lambdas.handlers import judge_rotation, plan_rotation
from lambdas.settings import Settings
from tests.unit.handlers.conftest import Context

MINE = "arn:mine"
STAGES = ("consul rekey install", "consul rekey use")
FIRST = {"number": 1, "waits": 0, "said": "", "at": 0, "fencing": 1, "opened": False}


def answered(done: bool, reason: str = "as it is") -> list[dict[str, Any]]:
    return [{"answers": [{"result": {"done": done, "reason": reason}}]}]


def judge(turn: dict[str, Any], asked: list[dict[str, Any]], execution: str = MINE) -> Any:
    return judge_rotation.handler({"turn": turn, "asked": asked, "execution": execution}, Context())


def at(settings: Settings) -> int:
    rotation = rotation_record.read(settings.table_name)
    assert rotation
    return rotation.at


def test_an_answer_ends_its_own_stage_and_never_the_next(settings: Settings) -> None:
    """A function that dies after its work is called again, with the answers of a stage that is over."""
    rotation_record.begin(settings.table_name, MINE, STAGES)
    for _ in range(2):
        assert judge(FIRST, answered(True))["next"] == "turn"
        assert at(settings) == 1
    for _ in range(2):
        assert judge(FIRST | {"at": 1}, answered(True))["next"] == "done"
    assert at(settings) == 2


def test_whoever_is_waited_for_is_told_once(settings: Settings) -> None:
    rotation_record.begin(settings.table_name, MINE, STAGES)
    turn = judge(FIRST, answered(False, "not alive in gossip: i-9"))
    assert (turn["next"], turn["waits"]) == ("wait", 1)
    again = judge(FIRST | turn, answered(False, "not alive in gossip: i-9"))
    assert again["pause_seconds"] > turn["pause_seconds"]
    [entry] = table.query(settings.table_name, "journal")
    assert (entry["node"], entry["decision"]) == ("consul", "wait")
    assert entry["reason"] == "consul rekey install: not alive in gossip: i-9"
    assert at(settings) == 0


def test_an_execution_that_was_taken_over_ends_nothing(settings: Settings) -> None:
    rotation_record.begin(settings.table_name, "arn:other", STAGES)
    assert judge(FIRST, answered(True))["next"] == "stop"
    assert at(settings) == 0


@pytest.mark.parametrize("by", ["operator", "sweep"])
def test_nothing_rotates_before_a_cluster_is_formed(settings: Settings, by: str) -> None:
    turn = plan_rotation.handler(
        {"request": {"by": by}, "turn": {"number": 0, "waits": 0, "said": ""}, "execution": MINE}, Context()
    )
    assert turn["next"] == "stop"
    assert rotation_record.read(settings.table_name) is None


def test_an_input_that_names_what_there_is_not_is_refused(settings: Settings) -> None:
    with pytest.raises(ValidationError, match="secrets"):
        plan_rotation.handler(
            {"request": {"secrets": ["all"]}, "turn": {"number": 0, "waits": 0}, "execution": MINE}, Context()
        )
