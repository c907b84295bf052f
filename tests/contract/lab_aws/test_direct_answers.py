"""A client of this process that reads an answer without its text reads what the text says."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.parsers import create_parser
from moto.core.serialize import EC2Serializer, JSONSerializer, QuerySerializer, XFormedAttributePicker
from moto.core.utils import get_service_model

from lab.aws import EmbeddedAws, direct_answers
from lab.aws.answer_shapes import OnlyAsTextError, Read, reading_of
from tests.contract.lab_aws.hosts import RecordingHosts
from tests.contract.lab_aws.test_whole import scale

Compared = dict[str, list[tuple[Any, Any]]]

PROTOCOLS: dict[type, str] = {EC2Serializer: "ec2", QuerySerializer: "query", JSONSerializer: "json"}


def by_text(model: Any, serializer: Any, transformers: Mapping[str, Any], result: Any) -> Any:
    picker = XFormedAttributePicker(response_transformers=dict(transformers))
    body = serializer(operation_model=model, value_picker=picker).serialize(result)["body"]
    answer = {"status_code": 200, "headers": {}, "body": body.encode()}
    parsed = create_parser(PROTOCOLS[serializer]).parse(answer, model.output_shape)
    del parsed["ResponseMetadata"]
    return parsed


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> Compared:
    """What each operation was answered meanwhile: directly, and by its text."""
    found: Compared = defaultdict(list)

    def both(model: Any, serializer: Any, transformers: Any) -> Read:
        read = reading_of(model, serializer, transformers)

        def compare(result: Any) -> Any:
            direct = read(result)
            text = by_text(model, serializer, transformers, result)
            found[f"{model.service_model.service_name}:{model.name}"].append((repr(direct), repr(text)))
            return direct

        return compare

    monkeypatch.setattr(direct_answers, "reading_of", both)
    return found


ASKED: list[tuple[str, str, dict[str, Any]]] = [
    ("autoscaling", "describe_auto_scaling_groups", {}),
    ("autoscaling", "describe_auto_scaling_instances", {}),
    ("autoscaling", "describe_lifecycle_hooks", {"AutoScalingGroupName": "small"}),
    ("autoscaling", "describe_scaling_activities", {"AutoScalingGroupName": "small"}),
    ("cloudformation", "describe_stacks", {}),
    ("cloudformation", "describe_stack_resources", {"StackName": "small"}),
    ("cloudformation", "get_template", {"StackName": "small"}),
    ("cloudformation", "list_stacks", {}),
    ("dynamodb", "list_tables", {}),
    ("dynamodb", "scan", {"TableName": "small"}),
    ("ec2", "describe_instances", {}),
    ("ec2", "describe_launch_templates", {}),
    ("ec2", "describe_launch_template_versions", {"Versions": ["$Latest"]}),
    ("ec2", "describe_vpcs", {}),
    ("sqs", "list_queues", {}),
    ("ssm", "describe_instance_information", {}),
    ("ssm", "get_parameters_by_path", {"Path": "/", "Recursive": True}),
    ("ssm", "list_command_invocations", {"Details": True}),
    ("ssm", "list_commands", {}),
    ("sns", "list_topics", {}),
    ("stepfunctions", "list_state_machines", {}),
    ("cloudwatch", "list_metrics", {}),
]

CALLED_BY_OTHERS = {
    "autoscaling:CompleteLifecycleAction",
    "autoscaling:SetDesiredCapacity",
    "ssm:GetCommandInvocation",
    "ssm:SendCommand",
    "stepfunctions:SendTaskSuccess",
    "stepfunctions:StartExecution",
}
"""By the small application, from a capacity to instances in service."""


def test_of_an_account_in_which_much_happened(
    compared: Compared, application: EmbeddedAws, hosts: RecordingHosts
) -> None:
    scale(application, 2)
    assert application.drain(20)
    for service, operation, given in ASKED:
        getattr(application.client(service), operation)(**given)
    assert compared.keys() >= CALLED_BY_OTHERS
    assert len(compared.keys() - CALLED_BY_OTHERS) >= len(ASKED)
    for operation, answers in compared.items():
        for direct, text in answers:
            assert direct == text, operation


class Instance:
    """As moto's own: attributes by other names than the shape's, and some that only sometimes are there."""

    def __init__(self, **attributes: Any) -> None:
        self.__dict__ |= attributes


AT = datetime(2026, 11, 29, 1, 2, 3, 456789, tzinfo=UTC)

ODD: list[tuple[str, str, Any, Any]] = [
    ("ec2", "DescribeInstances", EC2Serializer, {"Reservations": []}),
    ("ec2", "DescribeInstances", EC2Serializer, {"Reservations": [None, {}, {"Instances": [{}, None]}]}),
    (
        "ec2",
        "DescribeInstances",
        EC2Serializer,
        {"Reservations": [{"Instances": [Instance(id="i-1", launch_time=AT, ebs_optimized="True", state={})]}]},
    ),
    (
        "ec2",
        "DescribeInstances",
        EC2Serializer,
        {"Reservations": [{"Instances": [{"InstanceId": "", "AmiLaunchIndex": "3"}]}]},
    ),
    ("sqs", "GetQueueAttributes", JSONSerializer, {"Attributes": {"A": None, "B": 1, "C": ""}}),
    (
        "sqs",
        "ReceiveMessage",
        JSONSerializer,
        {"Messages": [None, {"Body": 3, "MessageAttributes": {"x": {"BinaryValue": b"\0"}}}]},
    ),
    ("ssm", "ListCommands", JSONSerializer, {"Commands": [{"RequestedDateTime": AT, "TargetCount": "2"}]}),
    ("sns", "GetTopicAttributes", QuerySerializer, {"Attributes": {"A": None, "B": 1, "C": "<&>"}}),
    ("sns", "GetTopicAttributes", QuerySerializer, {"Attributes": {}}),
    ("sns", "Publish", QuerySerializer, None),
    (
        "autoscaling",
        "DescribeAutoScalingGroups",
        QuerySerializer,
        {"AutoScalingGroups": [{"CreatedTime": AT, "Tags": []}]},
    ),
    ("autoscaling", "SuspendProcesses", QuerySerializer, {"ignored": 1}),
]


@pytest.mark.parametrize(("service", "operation", "serializer", "result"), ODD, ids=lambda value: str(value)[:60])
def test_of_what_is_odd(service: str, operation: str, serializer: Any, result: Any) -> None:
    model = get_service_model(service).operation_model(operation)
    direct = reading_of(model, serializer, {})(result)
    assert repr(direct) == repr(by_text(model, serializer, {}, result))


def test_what_only_text_tells_is_read_from_text() -> None:
    model = get_service_model("dynamodb").operation_model("DescribeTable")
    read = reading_of(model, JSONSerializer, {})
    with pytest.raises(OnlyAsTextError):
        read({"Table": {"DeletionProtectionEnabled": "true"}})


def test_an_answer_shares_nothing_with_what_moto_keeps() -> None:
    kept = {"Attributes": {"A": "1"}}
    model = get_service_model("sqs").operation_model("GetQueueAttributes")
    reading_of(model, JSONSerializer, {})(kept)["Attributes"]["A"] = "2"
    assert kept == {"Attributes": {"A": "1"}}
