"""What an operator reads when a launch fails, and when launching stops."""

import json

from lambdas.domain.breaker import judge
from lambdas.domain.failure import Failure


def test_a_lambda_cause_becomes_its_message() -> None:
    cause = json.dumps({"errorMessage": "no consul in the bucket", "errorType": "NodeFailed", "stackTrace": ["..."]})
    assert Failure.from_state({"Error": "NodeFailed", "Cause": cause}) == Failure(
        "NodeFailed", "no consul in the bucket"
    )


def test_a_command_cause_stays_as_it_is() -> None:
    failure = Failure.from_state({"Error": "NodeFailed", "Cause": "i-1: consul install: failed for good (exit 70)"})
    assert failure.cause.endswith("(exit 70)")


def test_a_timeout_without_a_cause_gets_words() -> None:
    failure = Failure.from_state({"Error": "States.Timeout", "Cause": ""})
    assert "no answer" in failure.cause
    assert failure.error == "Timeout", "no Fail state may name an error of the language's own"


def test_the_third_failure_in_a_row_stops_launching() -> None:
    assert [judge("servers", failures, "x").stop for failures in (1, 2, 3, 4)] == [False, False, True, True]
