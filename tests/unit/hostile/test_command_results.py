"""Output of a node: the promised JSON line or unknown, never healthy by accident, never more than AWS can carry."""

import json
import re
from pathlib import Path
from typing import Any

from boto3.dynamodb.types import TypeSerializer
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cdk_app import document_source
from lambdas.aws.executions import CAUSE_LIMIT
from lambdas.domain.errors import NodeFailed, QuorateError
from lambdas.domain.failure import CAUSE_CHARACTERS, Failure
from lambdas.domain.introduction import hand_on
from lambdas.domain.outcome import EXIT_CODES, Invocation, Outcome, read_outcome
from lambdas.domain.plain_json import DEPTH_LIMIT, read_object
from tests.builders import a_command
from tests.unit.hostile.inputs import hostile_text, json_values, nested

DOCUMENTS = Path(__file__).parents[3] / "ssm_documents"

OUTPUT_CHARACTERS = 24_000
"""Of stdout that Systems Manager hands out (GetCommandInvocation API reference)."""

statuses = st.sampled_from(("Success", "Failed", "TimedOut", "Cancelled", "Undeliverable", "Terminated", "\x00"))


def outcome(status: str, code: int, stdout: str, stderr: str) -> Outcome:
    invocation = Invocation(status, status, code, stdout[:OUTPUT_CHARACTERS], stderr[:8_000])
    return read_outcome(invocation, component="consul", phase="verify")


def is_carried(told: Outcome) -> None:
    """By Step Functions as an answer, by DynamoDB as an item, by a state machine's cause."""
    answer = json.dumps(told.result, allow_nan=False)
    assert len(answer) < 262_144, "the most that a task's output may have (Step Functions quotas)"
    answer.encode()
    json.dumps(told.result, ensure_ascii=False).encode()
    TypeSerializer().serialize(json.loads(answer, parse_float=str))
    assert told.reason
    assert len(told.reason) < CAUSE_LIMIT
    assert told.error is None or issubclass(told.error, QuorateError)


@settings(max_examples=100)
@given(
    statuses,
    st.sampled_from((*EXIT_CODES, -1, 1, 127, 137, 2**31)),
    hostile_text | json_values.map(json.dumps),
    hostile_text,
)
@example("Success", 0, "[" * 24_000, "")
@example("Success", 0, json.dumps(nested(300)), "")
@example("Success", 0, '{"voters": NaN}', "")
@example("Success", 0, '{"voters": 1e400}', "")
@example("Success", 0, '{"reason": "\\ud800"}', "")
@example("Failed", 70, json.dumps({"reason": "x" * 23_000}), "y" * 8_000)
def test_any_output(status: str, code: int, stdout: str, stderr: str) -> None:
    told = outcome(status, code, stdout, stderr)
    is_carried(told)
    if told.error is None:
        assert (status, code) == ("Success", 0)
        assert told.result == read_object(stdout.strip().splitlines()[-1])


@settings(max_examples=100)
@given(json_values)
def test_any_json_as_the_last_line(value: Any) -> None:
    line = json.dumps(value)
    told = outcome("Success", 0, f"words of a tool\n{line}\n", "")
    is_carried(told)
    if not isinstance(value, dict):
        assert told.error is NodeFailed


@settings(max_examples=100)
@given(st.dictionaries(hostile_text, json_values, max_size=4))
def test_any_reason_of_a_failure(result: dict[str, Any]) -> None:
    told = outcome("Failed", 70, json.dumps({"reason": result, **result}), "")
    assert told.error is NodeFailed
    is_carried(told)


def test_nesting_has_a_limit() -> None:
    assert read_object(json.dumps(nested(DEPTH_LIMIT))) == nested(DEPTH_LIMIT)
    assert read_object(json.dumps(nested(DEPTH_LIMIT + 1))) is None


@settings(max_examples=100)
@given(st.dictionaries(st.sampled_from(("Error", "Cause", "other")), json_values | hostile_text, max_size=3))
@example({"Error": "NodeFailed", "Cause": "[" * 24_000})
def test_any_failure_of_a_state(failure: dict[str, Any]) -> None:
    told = Failure.from_state(failure)
    assert not told.error.startswith("States.")
    assert len(told.cause) <= CAUSE_CHARACTERS


@settings(max_examples=100)
@given(json_values | hostile_text | st.from_regex(r"[A-Za-z0-9+/=-]{90,120}", fullmatch=True))
@example("A" * 100)
@example("-")
@example("A" * 100 + "\n")
def test_any_introduction(printed: object) -> None:
    """What a server printed in its place: into the parameter as it is, or refused."""
    start = a_command("i-client").model_copy(update={"component": "nomad", "phase": "start"})
    result = {"instance_id": "i-1", "component": "nomad", "phase": "introduce", "result": {"introduction": printed}}
    try:
        [handed] = hand_on([start], [result])
    except NodeFailed:
        assert not (isinstance(printed, str) and re.fullmatch(PATTERN, printed))
    else:
        assert handed.parameters == start.parameters | {"Introduction": printed}
        assert re.fullmatch(PATTERN, str(printed)), "Systems Manager would refuse it"


PATTERN = document_source.load(DOCUMENTS, "nomad", "start")["parameters"]["Introduction"]["allowedPattern"]
