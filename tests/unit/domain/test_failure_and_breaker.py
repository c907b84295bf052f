"""What an operator reads when a launch fails, and when launching stops."""

import json

from lambdas.domain.breaker import judge
from lambdas.domain.failure import Failure
from lambdas.domain.formation import Record
from lambdas.domain.goodbye import decide_goodbye
from tests.builders import a_node


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


def test_a_client_goes_and_says_goodbye() -> None:
    goodbye = decide_goodbye(Record(status="formed"), a_node(group="default"))
    assert (goodbye.result, goodbye.says_goodbye) == ("CONTINUE", True)


def test_a_server_of_a_formed_cluster_is_retained() -> None:
    goodbye = decide_goodbye(Record(status="formed"), a_node())
    assert goodbye.result == "ABANDON"
    assert "consul, vault, nomad" in goodbye.reason


def test_a_server_before_any_cluster_goes() -> None:
    assert decide_goodbye(Record(), a_node()).result == "CONTINUE"


def test_a_host_that_is_gone_goes() -> None:
    assert decide_goodbye(Record(status="formed"), None).result == "CONTINUE"
