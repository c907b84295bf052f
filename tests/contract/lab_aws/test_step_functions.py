"""State machines: what the interpreter must do as AWS does."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lab.aws import EmbeddedAws, ExecutionRecord, turns
from tests.contract.lab_aws.hosts import RecordingHosts
from tests.contract.lab_aws.roles import role
from tests.contract.lab_aws.template import STACK, function, network, write_assembly
from tests.contract.lab_aws.waiting import wait_until

MAY = ("dynamodb:*", "lambda:InvokeFunction", "sqs:SendMessage", "ssm:*", "states:*")


@pytest.fixture
def impatient(hosts: RecordingHosts) -> Iterator[EmbeddedAws]:
    """Timeouts pass a hundred times faster."""
    with EmbeddedAws(hosts, timeout_scale=0.01) as aws:
        yield aws


def pass_state(**more: Any) -> dict[str, Any]:
    return {"StartAt": "Only", "States": {"Only": {"Type": "Pass", "End": True, **more}}}


def task(resource: str, parameters: dict[str, Any], **more: Any) -> dict[str, Any]:
    state = {"Type": "Task", "Resource": f"arn:aws:states:::{resource}", "Parameters": parameters, "End": True, **more}
    return {"StartAt": "Only", "States": {"Only": state}}


def create(aws: EmbeddedAws, definition: dict[str, Any], name: str = "machine") -> str:
    may = role(aws, "machine", (MAY, "*"))
    made = aws.client("stepfunctions").create_state_machine(name=name, definition=json.dumps(definition), roleArn=may)
    return str(made["stateMachineArn"])


def start(aws: EmbeddedAws, definition: dict[str, Any], given: Any = None) -> None:
    arn = create(aws, definition)
    aws.client("stepfunctions").start_execution(stateMachineArn=arn, input=json.dumps(given or {}))


def run(aws: EmbeddedAws, definition: dict[str, Any], given: Any = None) -> ExecutionRecord:
    start(aws, definition, given)
    assert aws.drain(10)
    [execution] = aws.executions()
    return execution


def queue(aws: EmbeddedAws) -> str:
    return str(aws.client("sqs").create_queue(QueueName="tokens")["QueueUrl"])


def waiting(aws: EmbeddedAws, **more: Any) -> dict[str, Any]:
    parameters = {"QueueUrl": queue(aws), "MessageBody": {"token.$": "$$.Task.Token"}}
    return task("sqs:sendMessage.waitForTaskToken", parameters, **more)


def token(aws: EmbeddedAws) -> str:
    received: list[Any] = []

    def receive() -> bool:
        received.extend(aws.client("sqs").receive_message(QueueUrl=queue(aws)).get("Messages", []))
        return bool(received)

    assert wait_until(receive)
    return str(json.loads(received[0]["Body"])["token"])


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$.list[0].a", 1),
        ("$.list[*].a", [1, 2]),
        ("$.list[?(@.a == 2)].b", ["y"]),
        ("$.list[?(@.a == 9)]", []),
        ("$.list[0:1]", [{"a": 1, "b": "x"}]),
        ("$.empty", []),
    ],
)
def test_paths_select_as_on_aws(aws: EmbeddedAws, path: str, value: Any) -> None:
    given = {"list": [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}], "empty": []}
    execution = run(aws, pass_state(Parameters={"value.$": path}), given)
    assert execution.output == {"value": value}


def test_a_path_that_selects_nothing_fails(aws: EmbeddedAws) -> None:
    execution = run(aws, pass_state(Parameters={"value.$": "$.missing"}))
    assert (execution.status, execution.error) == ("FAILED", "States.Runtime")


def test_sdk_integrations_name_errors_and_fields_as_aws(aws: EmbeddedAws) -> None:
    failed = run(aws, task("aws-sdk:ssm:getParameter", {"Name": "/missing"}))
    assert failed.error == "Ssm.ParameterNotFoundException"


def test_sdk_integrations_answer_in_pascal_case_without_datetimes(aws: EmbeddedAws) -> None:
    aws.client("ssm").put_parameter(Name="/there", Value="x", Type="String")
    execution = run(aws, task("aws-sdk:ssm:getParameter", {"Name": "/there"}))
    assert execution.output["Parameter"]["Value"] == "x"
    assert isinstance(execution.output["Parameter"]["LastModifiedDate"], str)


def test_nested_executions_start(aws: EmbeddedAws) -> None:
    child = create(aws, pass_state(Result={"done": True}), "child")
    parent = task("states:startExecution.sync:2", {"StateMachineArn": child, "Input": {"a": 1}})
    start(aws, parent)
    assert aws.drain(10)
    assert aws.executions("machine")[0].output["Output"] == {"done": True}


def test_waits_follow_the_clock(aws: EmbeddedAws) -> None:
    began = time.monotonic()
    execution = run(aws, {"StartAt": "Wait", "States": {"Wait": {"Type": "Wait", "Seconds": 300, "End": True}}})
    assert execution.status == "SUCCEEDED"
    assert 0.3 <= time.monotonic() - began < 3


def test_a_token_completes_its_task_once(aws: EmbeddedAws) -> None:
    start(aws, waiting(aws, TimeoutSeconds=60))
    given, states = token(aws), aws.client("stepfunctions")
    states.send_task_success(taskToken=given, output='{"answer": 42}')
    assert aws.drain(10)
    assert aws.executions()[0].output == {"answer": 42}
    with pytest.raises(ClientError) as error:
        states.send_task_success(taskToken=given, output="{}")
    assert error.value.response["Error"]["Code"] == "TaskTimedOut"
    with pytest.raises(ClientError) as error:
        states.send_task_success(taskToken="invented", output="{}")
    assert error.value.response["Error"]["Code"] == "InvalidToken"


def test_a_failure_keeps_error_and_cause(aws: EmbeddedAws) -> None:
    start(aws, waiting(aws, TimeoutSeconds=60))
    aws.client("stepfunctions").send_task_failure(taskToken=token(aws), error="NodeFailed", cause="disk full")
    assert aws.drain(10)
    [execution] = aws.executions()
    assert (execution.status, execution.error, execution.cause) == ("FAILED", "NodeFailed", "disk full")


def test_a_missed_heartbeat_has_a_name_of_its_own(impatient: EmbeddedAws) -> None:
    start(impatient, waiting(impatient, TimeoutSeconds=6000, HeartbeatSeconds=30))
    given, states = token(impatient), impatient.client("stepfunctions")
    for _ in range(3):
        time.sleep(0.15)
        states.send_task_heartbeat(taskToken=given)
    assert impatient.executions()[0].status == "RUNNING"
    assert impatient.drain(10)
    assert impatient.executions()[0].error == "States.HeartbeatTimeout"


def test_a_task_that_gets_no_answer_times_out(impatient: EmbeddedAws) -> None:
    execution = run(impatient, waiting(impatient, TimeoutSeconds=10))
    assert execution.error == "States.Timeout"


def test_an_error_of_the_language_keeps_its_name_on_its_way_out_of_a_map(impatient: EmbeddedAws) -> None:
    inner = waiting(impatient, TimeoutSeconds=10)
    each = {"Type": "Map", "ItemsPath": "$.items", "ItemProcessor": inner, "Next": "Done"}
    each["Catch"] = [{"ErrorEquals": ["States.Timeout"], "ResultPath": "$.failure", "Next": "Failed"}]
    failed = {"Type": "Fail", "ErrorPath": "$.failure.Error", "Cause": "caught"}
    states = {"Each": each, "Done": {"Type": "Succeed"}, "Failed": failed}
    execution = run(impatient, {"StartAt": "Each", "States": states}, {"items": [1, 2]})
    assert (execution.error, execution.cause) == ("States.Timeout", "caught")


def test_retries_are_counted_as_transitions(aws: EmbeddedAws) -> None:
    retry = [{"ErrorEquals": ["States.ALL"], "IntervalSeconds": 1, "MaxAttempts": 2}]
    execution = run(aws, task("aws-sdk:ssm:getParameter", {"Name": "/missing"}, Retry=retry))
    assert execution.states_entered == ["Only"]
    assert execution.transitions == 3


def test_a_name_is_used_once(aws: EmbeddedAws) -> None:
    arn, states = create(aws, pass_state()), aws.client("stepfunctions")
    states.start_execution(stateMachineArn=arn, name="once", input="{}")
    assert aws.drain(5)
    with pytest.raises(ClientError) as error:
        states.start_execution(stateMachineArn=arn, name="once", input='{"other": 1}')
    assert error.value.response["Error"]["Code"] == "ExecutionAlreadyExists"


def test_a_stopped_execution_says_why(aws: EmbeddedAws) -> None:
    start(aws, waiting(aws, TimeoutSeconds=60))
    token(aws)
    [execution] = aws.executions()
    aws.client("stepfunctions").stop_execution(executionArn=execution.arn, error="Operator", cause="changed my mind")
    assert aws.drain(10)
    [execution] = aws.executions()
    assert (execution.status, execution.error, execution.cause) == ("ABORTED", "Operator", "changed my mind")
    last = [e for e in aws.events if e["source"] == "aws.states"][-1]
    assert last["detail"]["status"] == "ABORTED"


@pytest.mark.parametrize("form", ["lambda:invoke", "lambda:invoke.waitForTaskToken"])
def test_the_wait_for_a_turn_is_not_counted_as_time_of_the_task(
    form: str, hosts: RecordingHosts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On AWS all of these would run at once: half a second each, where the last of eight waits 3.5 s here."""
    monkeypatch.setattr(turns, "CONCURRENT_HANDLERS", 1)
    with EmbeddedAws(hosts) as aws:
        resources = {"Role": network()["Role"], "nap": function("nap")}
        resources["nap"]["Properties"]["FunctionName"] = "nap"
        aws.deploy(write_assembly(tmp_path, {"Resources": resources}), STACK)
        payload = {"token.$": "$$.Task.Token"} if form.endswith("Token") else {}
        arn = create(aws, task(form, {"FunctionName": "nap", "Payload": payload}, TimeoutSeconds=2))
        for _ in range(8):
            aws.client("stepfunctions").start_execution(stateMachineArn=arn, input="{}")
        assert aws.drain(20)
        assert [(one.error, one.cause) for one in aws.executions()] == [(None, None)] * 8


def test_a_task_that_takes_too_long_itself_times_out(impatient: EmbeddedAws) -> None:
    execution = run(impatient, waiting(impatient, TimeoutSeconds=10))
    assert (execution.status, execution.error) == ("FAILED", "States.Timeout")
