"""Lambda: handlers in this process, with failures in AWS's words."""

import json
import os
import time
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lab.aws import EmbeddedAws
from tests.contract.lab_aws.template import HANDLERS, STACK, function, network, write_assembly
from tests.contract.lab_aws.waiting import wait_until

HANDLER_NAMES = ("environment", "fail", "sleep", "count_calls", "unprintable", "echo", "missing")


@pytest.fixture
def functions(aws: EmbeddedAws, tmp_path: Path) -> EmbeddedAws:
    resources: dict[str, Any] = {"Role": network()["Role"]}
    for name in HANDLER_NAMES:
        resources[name] = function(name, OWN=name)
        resources[name]["Properties"] |= {"FunctionName": name, "Timeout": 1 if name == "sleep" else 10}
    resources["absent"] = function("x")
    resources["absent"]["Properties"] |= {"FunctionName": "absent", "Handler": "no.such.module.handler"}
    table = {"TableName": "calls", "BillingMode": "PAY_PER_REQUEST"}
    table |= {"AttributeDefinitions": [{"AttributeName": "pk", "AttributeType": "S"}]}
    table |= {"KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}]}
    resources["Table"] = {"Type": "AWS::DynamoDB::Table", "Properties": table}
    aws.deploy(write_assembly(tmp_path, {"Resources": resources}), STACK)
    return aws


def invoke(aws: EmbeddedAws, name: str, payload: Any = None, **more: Any) -> dict[str, Any]:
    return dict(aws.client("lambda").invoke(FunctionName=name, Payload=json.dumps(payload or {}), **more))


def answer(invoked: dict[str, Any]) -> Any:
    return json.loads(invoked["Payload"].read())


def test_each_invocation_has_its_own_environment(functions: EmbeddedAws) -> None:
    for name in ("environment", "echo", "environment"):
        result = answer(invoke(functions, name, {"a": 1}))
        if name == "environment":
            assert (result["own"], result["function"], result["context"]) == (name, name, name)
            assert 9_000 < result["remaining"] <= 10_000
            assert result["listed"]
    assert "OWN" not in os.environ
    assert f"{HANDLERS}.echo" not in os.environ.get("_HANDLER", "")


def test_an_exception_is_reported_by_its_class(functions: EmbeddedAws) -> None:
    invoked = invoke(functions, "fail")
    assert invoked["FunctionError"] == "Unhandled"
    result = answer(invoked)
    assert (result["errorType"], result["errorMessage"]) == ("NodeNotReady", "come back later")
    assert result["stackTrace"]


def test_a_handler_that_is_not_there_is_an_import_error(functions: EmbeddedAws) -> None:
    assert answer(invoke(functions, "absent"))["errorType"] == "Runtime.ImportModuleError"
    assert answer(invoke(functions, "missing"))["errorType"] == "AttributeError"
    assert answer(invoke(functions, "unprintable"))["errorType"] == "Runtime.MarshalError"


def test_a_handler_that_takes_too_long_times_out_and_does_nothing_more(functions: EmbeddedAws) -> None:
    began = time.monotonic()
    result = answer(invoke(functions, "sleep"))
    assert result["errorType"] == "Sandbox.Timedout"
    assert "Task timed out after 1.00 seconds" in result["errorMessage"]
    assert time.monotonic() - began < 3
    time.sleep(0.15)
    before = functions.calls.by_caller()["lambda:sleep"].total()
    time.sleep(0.2)
    assert functions.calls.by_caller()["lambda:sleep"].total() == before


def test_asynchronous_invocations_are_retried_twice(functions: EmbeddedAws) -> None:
    invoke(functions, "fail", InvocationType="Event")
    assert wait_until(lambda: functions.drain(0.01) and len(functions.invoked) == 3, timeout=5)
    assert [i.error for i in functions.invoked] == ["NodeNotReady"] * 3


def test_an_unknown_function_is_refused(functions: EmbeddedAws) -> None:
    with pytest.raises(ClientError) as error:
        invoke(functions, "unknown")
    assert error.value.response["Error"]["Code"] == "ResourceNotFoundException"


def items(aws: EmbeddedAws, name: str) -> int:
    found = aws.client("dynamodb").scan(TableName="calls")["Items"]
    return len([item for item in found if item["pk"]["S"].startswith(name)])


@pytest.mark.parametrize("allowed", [0, 2, 5])
def test_a_killed_handler_leaves_what_it_had_done(functions: EmbeddedAws, allowed: int) -> None:
    functions.chaos.kill_lambda("count_calls", after_calls=allowed)
    payload = {"table": "calls", "name": "first"}
    result = answer(invoke(functions, "count_calls", payload))
    assert items(functions, "first") == allowed
    if allowed < 5:
        assert result["errorType"] == "Runtime.ExitError"
    else:
        assert result == "done"
    assert answer(invoke(functions, "count_calls", {**payload, "name": "second"})) == "done"
    assert items(functions, "second") == 5


def test_an_answer_can_be_lost_after_the_work_was_done(functions: EmbeddedAws) -> None:
    functions.chaos.fail_lambda("count_calls", "Lambda.ServiceException", when="after")
    payload = {"table": "calls", "name": "lost"}
    with pytest.raises(ClientError) as error:
        invoke(functions, "count_calls", payload)
    assert error.value.response["Error"]["Code"] == "ServiceException"
    assert items(functions, "lost") == 5


def test_a_fault_before_the_work_leaves_it_undone(functions: EmbeddedAws) -> None:
    functions.chaos.fail_lambda("count_calls", "Lambda.Unknown", when="before")
    with pytest.raises(ClientError):
        invoke(functions, "count_calls", {"table": "calls", "name": "never"})
    assert items(functions, "never") == 0


def test_a_handler_dies_between_each_two_calls_in_turn_and_lives_in_between(functions: EmbeddedAws) -> None:
    functions.chaos.kill_lambda_between_calls("count_calls", in_a_row=4)
    done = []
    for number in range(10):
        lived = answer(invoke(functions, "count_calls", {"table": "calls", "name": f"try-{number}-"})) == "done"
        done.append((items(functions, f"try-{number}-"), lived))
    first = [(0, False), (1, False), (2, False), (3, False)]
    assert done == [*first, (5, True), (4, False), (5, False), (5, True), (5, True), (5, True)]
    assert [one.calls for one in functions.invoked] == [calls for calls, _ in done]
