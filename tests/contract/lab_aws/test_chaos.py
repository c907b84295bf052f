"""Faults do what they say, and the small application survives them."""

import pytest
from botocore.exceptions import ClientError

from lab.aws import Chaos, EmbeddedAws
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
    assert [chaos.throttles("ssm", "SendCommand") for _ in range(3)] == [True, True, False]
    assert [chaos.event_delays(event) for _ in range(2)] == [(), (0.0,)]
    fault = chaos.lambda_fault("cluster-form-function", {})
    assert fault is not None
    assert fault.calls_allowed == 3
    assert chaos.lambda_fault("cluster-form-function", {}) is None
