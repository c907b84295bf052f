"""Run Command: what is refused, what arrives at the host, what its status becomes."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lab.aws import EmbeddedAws
from lab.aws.ssm_documents import InvalidParameters, environment, resolve_parameters, steps
from lab.hosts.seam import Ran
from tests.contract.lab_aws.hosts import RecordingHosts
from tests.contract.lab_aws.template import DOCUMENT, STACK, group, network, write_assembly
from tests.contract.lab_aws.waiting import wait_until

SHELL = {"schemaVersion": "1.0", "sessionType": "Standard_Stream", "inputs": {"idleSessionTimeout": "20"}}
OF_SESSIONS = {"DocumentType": "Session"}


@pytest.fixture
def instance(aws: EmbeddedAws, tmp_path: Any) -> str:
    resources = network() | {
        "Group": group("plain", [], MinSize="1"),
        "Document": {"Type": "AWS::SSM::Document", "Properties": {"Name": "greet", "Content": DOCUMENT}},
        "Shell": {"Type": "AWS::SSM::Document", "Properties": {"Name": "shell", "Content": SHELL} | OF_SESSIONS},
    }
    aws.deploy(write_assembly(tmp_path, {"Resources": resources}), STACK)
    assert aws.drain(5)
    [instance] = aws.client("ec2").describe_instances()["Reservations"][0]["Instances"]
    return str(instance["InstanceId"])


def send(aws: EmbeddedAws, instance: str, document: str = "greet", **more: Any) -> str:
    more.setdefault("Parameters", {"Greeting": ["hello"]})
    sent = aws.client("ssm").send_command(DocumentName=document, InstanceIds=[instance], **more)
    return str(sent["Command"]["CommandId"])


def invocation(aws: EmbeddedAws, command: str, instance: str) -> dict[str, Any]:
    return dict(aws.client("ssm").get_command_invocation(CommandId=command, InstanceId=instance))


def statuses(aws: EmbeddedAws) -> list[str]:
    kind = "EC2 Command Invocation Status-change Notification"
    return [e["detail"]["status"] for e in aws.events if e["detail-type"] == kind]


def refused(aws: EmbeddedAws, instance: str, **more: Any) -> str:
    with pytest.raises(ClientError) as error:
        send(aws, instance, **more)
    return str(error.value.response["Error"]["Code"])


def test_a_command_succeeds_with_its_output(aws: EmbeddedAws, hosts: RecordingHosts, instance: str) -> None:
    hosts.answer = lambda i, run: Ran(0, "o" * 30_000, "e" * 9_000)
    command = send(aws, instance)
    assert aws.drain(5)
    found = invocation(aws, command, instance)
    assert (found["Status"], found["ResponseCode"]) == ("Success", 0)
    assert (len(found["StandardOutputContent"]), len(found["StandardErrorContent"])) == (24_000, 8_000)
    assert statuses(aws) == ["InProgress", "Success"]
    [listed] = aws.client("ssm").list_command_invocations(CommandId=command, Details=True)["CommandInvocations"]
    assert len(listed["CommandPlugins"][0]["Output"]) == 2_500
    [whole] = aws.client("ssm").list_commands(CommandId=command)["Commands"]
    assert (whole["Status"], whole["CompletedCount"], whole["ErrorCount"]) == ("Success", 1, 0)


def test_a_failure_keeps_its_exit_code(aws: EmbeddedAws, hosts: RecordingHosts, instance: str) -> None:
    hosts.answer = lambda i, run: Ran(75, "", "not yet")
    command = send(aws, instance)
    assert aws.drain(5)
    found = invocation(aws, command, instance)
    assert (found["Status"], found["ResponseCode"], found["StandardErrorContent"]) == ("Failed", 75, "not yet")


def test_a_step_that_runs_too_long_times_out(aws: EmbeddedAws, hosts: RecordingHosts, instance: str) -> None:
    hosts.answer = lambda i, run: Ran(-1, "so far", "", timed_out=True)
    command = send(aws, instance)
    assert aws.drain(5)
    found = invocation(aws, command, instance)
    assert (found["Status"], found["StatusDetails"]) == ("TimedOut", "ExecutionTimedOut")


def test_a_command_can_be_cancelled(aws: EmbeddedAws, hosts: RecordingHosts, instance: str) -> None:
    hosts.answer = hosts.until_cancelled
    command = send(aws, instance)
    assert wait_until(lambda: invocation(aws, command, instance)["Status"] == "InProgress")
    aws.client("ssm").cancel_command(CommandId=command)
    assert aws.drain(5)
    assert invocation(aws, command, instance)["Status"] == "Cancelled"


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"document": "unknown"}, "InvalidDocument"),
        ({"Parameters": {}}, "InvalidParameters"),
        ({"Parameters": {"Greeting": ["HELLO"]}}, "InvalidParameters"),
        ({"Parameters": {"Greeting": ["hello"], "Other": ["x"]}}, "InvalidParameters"),
        ({"Parameters": {"Greeting": ["hello", "again"]}}, "InvalidParameters"),
        ({"DocumentVersion": "7"}, "InvalidDocumentVersion"),
    ],
)
def test_bad_requests_are_refused(aws: EmbeddedAws, instance: str, more: dict[str, Any], code: str) -> None:
    assert refused(aws, instance, **more) == code


def test_a_document_for_sessions_is_no_command(aws: EmbeddedAws, instance: str) -> None:
    assert aws.client("ssm").describe_document(Name="shell")["Document"]["DocumentType"] == "Session"
    assert refused(aws, instance, document="shell", Parameters={}) == "InvalidDocument"


def test_instances_whose_agent_is_not_there_are_refused(aws: EmbeddedAws, hosts: RecordingHosts, instance: str) -> None:
    ssm = aws.client("ssm")
    assert [i["PingStatus"] for i in ssm.describe_instance_information()["InstanceInformationList"]] == ["Online"]
    hosts.online = False
    assert refused(aws, instance) == "InvalidInstanceId"
    assert refused(aws, "i-00000000000000000") == "InvalidInstanceId"
    by_id = [{"Key": "InstanceIds", "Values": [instance]}]
    lost = ssm.describe_instance_information(Filters=by_id)["InstanceInformationList"]
    assert [i["PingStatus"] for i in lost] == ["ConnectionLost"]


def test_an_agent_that_never_registered_is_not_listed(aws: EmbeddedAws, hosts: RecordingHosts, instance: str) -> None:
    hosts.online = False
    assert aws.client("ssm").describe_instance_information()["InstanceInformationList"] == []


@pytest.fixture
def impatient(hosts: RecordingHosts, tmp_path: Any) -> Iterator[tuple[EmbeddedAws, str]]:
    """Timeouts of an hour pass in 0.36 s."""
    resources = network() | {
        "Group": group("plain", [], MinSize="1"),
        "Document": {"Type": "AWS::SSM::Document", "Properties": {"Name": "greet", "Content": DOCUMENT}},
    }
    with EmbeddedAws(hosts, timeout_scale=0.0001) as aws:
        aws.deploy(write_assembly(tmp_path, {"Resources": resources}), STACK)
        assert aws.drain(5)
        yield aws, next(iter(hosts.machines))


def test_a_command_that_is_not_picked_up_times_out(impatient: tuple[EmbeddedAws, str], hosts: RecordingHosts) -> None:
    aws, instance = impatient
    answers = iter([True])
    hosts.agent_online = lambda i: next(answers, False)  # type: ignore[method-assign]
    command = send(aws, instance)
    assert wait_until(lambda: invocation(aws, command, instance)["Status"] != "Pending", timeout=3)
    found = invocation(aws, command, instance)
    assert (found["Status"], found["StatusDetails"]) == ("TimedOut", "DeliveryTimedOut")


def test_a_host_that_dies_never_answers_and_its_command_times_out(
    impatient: tuple[EmbeddedAws, str], hosts: RecordingHosts
) -> None:
    aws, instance = impatient
    hosts.answer = lambda i, run: Ran(-1, "", "", host_lost=True)
    command = send(aws, instance)
    assert wait_until(lambda: invocation(aws, command, instance)["Status"] == "TimedOut", timeout=3)
    assert statuses(aws) == ["InProgress", "TimedOut"]


def test_the_shell_document_is_there(aws: EmbeddedAws, hosts: RecordingHosts, instance: str) -> None:
    send(aws, instance, "AWS-RunShellScript", Parameters={"commands": ["echo a", "echo b"]})
    assert aws.drain(5)
    assert hosts.runs[0][1].script == "echo a\necho b"


def test_parameters_reach_the_script_as_environment_or_text() -> None:
    parameters = resolve_parameters(DOCUMENT, {"Greeting": ["hello"]})
    assert parameters == {"Greeting": ["hello"], "Name": ["world"]}
    assert environment(DOCUMENT, parameters) == {"SSM_Greeting": "hello"}
    assert [step.script for step in steps(DOCUMENT, parameters)] == ["echo $SSM_Greeting\necho world"]


def test_allowed_values_are_held() -> None:
    document = {"parameters": {"Kind": {"type": "String", "allowedValues": ["server", "client"]}}, "mainSteps": []}
    resolve_parameters(document, {"Kind": ["client"]})
    with pytest.raises(InvalidParameters):
        resolve_parameters(document, {"Kind": ["neither"]})
