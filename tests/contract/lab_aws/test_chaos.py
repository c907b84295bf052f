"""Faults do what they say, and the small application survives them."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lab.aws import Chaos, EmbeddedAws
from lab.aws.chaos import of_type
from tests.contract.lab_aws.test_whole import scale, states


def commands(event: object) -> bool:
    return isinstance(event, dict) and event["source"] == "aws.ssm"


def launches(event: object) -> bool:
    return isinstance(event, dict) and event["detail-type"] == "EC2 Instance-launch Lifecycle Action"


def test_every_event_twice(application: EmbeddedAws) -> None:
    application.chaos.duplicate_events()
    scale(application, 1)
    assert application.drain(20)
    # The small application takes no care of repetitions: both executions run, and the second one comes too late.
    assert len(application.executions("small-launch")) == 2
    assert states(application) == ["InService"]


def test_a_dropped_event_never_arrives(application: EmbeddedAws) -> None:
    application.chaos.drop_events(launches, times=1)
    scale(application, 2)
    assert application.drain(20)
    assert sorted(states(application)) == ["InService", "Pending:Wait"]


def test_a_late_event_arrives(application: EmbeddedAws) -> None:
    application.chaos.delay_events(20, commands)
    scale(application, 1)
    assert application.drain(20)
    assert states(application) == ["InService"]


def test_a_throttled_call_is_refused_in_the_words_of_its_service(aws: EmbeddedAws) -> None:
    for service, operation, call, code in (
        ("ssm", "GetParametersByPath", lambda c: c.get_parameters_by_path(Path="/"), "ThrottlingException"),
        ("autoscaling", "DescribeAutoScalingGroups", lambda c: c.describe_auto_scaling_groups(), "Throttling"),
        ("ec2", "DescribeVpcs", lambda c: c.describe_vpcs(), "RequestLimitExceeded"),
        ("dynamodb", "ListTables", lambda c: c.list_tables(), "ThrottlingException"),
    ):
        client = aws.client(service)
        aws.chaos.throttle(service, operation)
        with pytest.raises(ClientError) as error:
            call(client)
        assert error.value.response["Error"]["Code"] == code
        call(client)


def test_rules_apply_as_often_as_they_say() -> None:
    chaos = Chaos()
    chaos.throttle("ssm", "SendCommand", times=2)
    chaos.drop_events(commands, times=1)
    chaos.kill_lambda("form", after_calls=3)
    event = {"source": "aws.ssm"}
    assert [chaos.api_fault("ssm", "SendCommand") is not None for _ in range(3)] == [True, True, False]
    assert [chaos.event_delays(event) for _ in range(2)] == [(), (0.0,)]
    fault = chaos.lambda_fault("cluster-form-function", {})
    assert fault is not None
    assert fault.calls_allowed == 3
    assert chaos.lambda_fault("cluster-form-function", {}) is None


def test_every_other_event_is_overtaken_by_the_one_after_it() -> None:
    chaos = Chaos()
    chaos.reorder_events(of_type("LIFECYCLE action"), behind_seconds=3)
    ours, other = {"detail-type": "EC2 Instance-launch Lifecycle Action"}, {"detail-type": "Scheduled Event"}
    assert [chaos.event_delays(ours) for _ in range(3)] == [(3,), (0.0,), (3,)]
    assert chaos.event_delays(other) == (0.0,)


@pytest.mark.parametrize(
    ("service", "operation", "call"),
    [
        ("dynamodb", "ListTables", lambda client: client.list_tables()),
        ("autoscaling", "DescribeAutoScalingGroups", lambda client: client.describe_auto_scaling_groups()),
        ("ec2", "DescribeVpcs", lambda client: client.describe_vpcs()),
        ("s3", "ListBuckets", lambda client: client.list_buckets()),
    ],
)
def test_an_api_fails_with_the_error_that_was_asked_for(
    aws: EmbeddedAws, service: str, operation: str, call: Callable[[Any], Any]
) -> None:
    aws.chaos.fail_api(service, operation, "InternalServerError")
    with pytest.raises(ClientError) as error:
        call(aws.client(service))
    assert error.value.response["Error"]["Code"] == "InternalServerError"
    call(aws.client(service))


def test_an_answer_is_lost_although_the_call_was_made(aws: EmbeddedAws) -> None:
    queues = aws.client("sqs")
    aws.chaos.fail_api("sqs", "CreateQueue", "InternalFailure", when="after")
    with pytest.raises(ClientError):
        queues.create_queue(QueueName="lost")
    assert len(queues.list_queues()["QueueUrls"]) == 1


def test_the_rules_that_still_apply_are_told_in_words() -> None:
    chaos = Chaos()
    chaos.drop_events(times=1)
    chaos.duplicate_events()
    chaos.kill_lambda("take_turn", after_calls=2)
    chaos.fail_api("ssm", "SendCommand", "InternalServerError", times=3)
    assert chaos.described() == [
        "events: 1 more, dropped",
        "events: delivered twice",
        "function take_turn: 1 more, killed after 2 calls",
        "ssm SendCommand: 3 more, InternalServerError",
    ]
    chaos.clear()
    assert chaos.described() == []
