"""Calls that their caller's policies do not allow are refused as AWS refuses them, and nobody guesses."""

import http.client
import json
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from lab.aws import EmbeddedAws
from lab.aws.calls import calling_as
from lab.aws.iam.errors import IamError, PolicyError, UnknownCallError
from lab.hosts.authority import Authority
from lab.hosts.metadata import access_key_of
from tests.contract.lab_aws.hosts import RecordingHosts
from tests.contract.lab_aws.roles import instance, policy, role, trust
from tests.contract.lab_aws.test_event_bridge import messages, put, queue, rule
from tests.contract.lab_aws.test_step_functions import create, task, token, waiting

SECRETS = "arn:aws:secretsmanager:eu-west-1:123456789012:secret"
CODES = {"ec2": "UnauthorizedOperation", "autoscaling": "AccessDenied", "s3": "AccessDenied", "sqs": "AccessDenied"}
CODES |= {"sns": "AuthorizationError"}


@pytest.fixture
def aws(hosts: RecordingHosts) -> Iterator[EmbeddedAws]:
    with EmbeddedAws(hosts, time_scale=0.001, permissions_enforced=True) as embedded:
        yield embedded


@pytest.fixture
def node(aws: EmbeddedAws) -> str:
    """An instance whose role may do nothing yet."""
    return instance(aws, role(aws, "node", (["xray:PutTraceSegments"], "*")))


def refused(call: Callable[[], Any]) -> tuple[str, str]:
    """Code and message."""
    with pytest.raises(ClientError) as error:
        call()
    return error.value.response["Error"]["Code"], error.value.response["Error"]["Message"]


def key(aws: EmbeddedAws, **own: Any) -> str:
    root = f"arn:aws:iam::{aws.account}:root"
    statements = [{"Effect": "Allow", "Principal": {"AWS": root}, "Action": "kms:*", "Resource": "*", **own}]
    document = json.dumps({"Version": "2012-10-17", "Statement": statements})
    return str(aws.client("kms").create_key(Policy=document)["KeyMetadata"]["Arn"])


@pytest.mark.parametrize(
    ("service", "call", "action", "resource"),
    [
        (
            "dynamodb",
            lambda c: c.get_item(TableName="t", Key={"pk": {"S": "a"}}),
            "dynamodb:GetItem",
            "arn:aws:dynamodb:eu-west-1:123456789012:table/t",
        ),
        ("ssm", lambda c: c.get_parameter(Name="/a/b"), "ssm:GetParameter", "ssm:eu-west-1:123456789012:parameter/a/b"),
        ("ssm", lambda c: c.describe_instance_information(), "ssm:DescribeInstanceInformation", ""),
        ("ec2", lambda c: c.describe_instances(), "ec2:DescribeInstances", ""),
        (
            "autoscaling",
            lambda c: c.suspend_processes(AutoScalingGroupName="g"),
            "autoscaling:SuspendProcesses",
            ":autoScalingGroupName/g",
        ),
        ("s3", lambda c: c.put_object(Bucket="files", Key="k/x", Body=b"x"), "s3:PutObject", "arn:aws:s3:::files/k/x"),
        ("secretsmanager", lambda c: c.get_secret_value(SecretId="s"), "secretsmanager:GetSecretValue", f"{SECRETS}:s"),
        ("kms", lambda c: c.generate_random(NumberOfBytes=8), "kms:GenerateRandom", ""),
        (
            "stepfunctions",
            lambda c: c.start_execution(stateMachineArn="arn:aws:states:eu-west-1:123456789012:stateMachine:m"),
            "states:StartExecution",
            "stateMachine:m",
        ),
        ("lambda", lambda c: c.invoke(FunctionName="f"), "lambda:InvokeFunction", "function:f"),
        ("sqs", lambda c: c.get_queue_url(QueueName="q"), "sqs:GetQueueUrl", "arn:aws:sqs:eu-west-1:123456789012:q"),
        (
            "sns",
            lambda c: c.publish(TopicArn="arn:aws:sns:eu-west-1:123456789012:t", Message="m"),
            "sns:Publish",
            "arn:aws:sns:eu-west-1:123456789012:t",
        ),
        ("events", lambda c: c.put_events(Entries=[{"Source": "a"}]), "events:PutEvents", "event-bus/default"),
    ],
)
def test_a_refusal_is_in_the_words_of_its_service(
    aws: EmbeddedAws, node: str, service: str, call: Callable[[Any], Any], action: str, resource: str
) -> None:
    with calling_as(f"host:{node}"):
        code, message = refused(lambda: call(aws.client(service)))
    assert code == CODES.get(service, "AccessDeniedException")
    session = f"User: arn:aws:sts::{aws.account}:assumed-role/node/{node} is not authorized to perform: {action}"
    assert session in message
    assert f"{resource} because no identity-based policy allows the {action} action" in message
    assert [one.action for one in aws.denials] == [action]


def test_what_is_allowed_is_done_and_a_changed_policy_counts_at_once(aws: EmbeddedAws, node: str) -> None:
    def listed() -> Any:
        with calling_as(f"host:{node}"):
            return aws.client("secretsmanager").list_secrets()["SecretList"]

    refused(listed)
    role(aws, "node", (["secretsmanager:List*"], "*"))
    assert listed() == []
    role(aws, "node", (["secretsmanager:Get*"], "*"))
    refused(listed)


def test_a_call_without_a_row_is_an_error_that_names_it(aws: EmbeddedAws, node: str) -> None:
    with calling_as(f"host:{node}"), pytest.raises(UnknownCallError, match="ssm:DeleteParameter has no row"):
        aws.client("ssm").delete_parameter(Name="x")
    assert [type(error) for error in aws.errors] == [UnknownCallError]
    aws.client("ssm").describe_parameters()  # the operator's calls need none


def test_a_policy_that_cannot_be_judged_is_an_error(aws: EmbeddedAws, node: str) -> None:
    document = policy((["ec2:DescribeInstances"], "*"))
    document["Statement"][0]["Condition"] = {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}
    aws.client("iam").put_role_policy(RoleName="node", PolicyName="own", PolicyDocument=json.dumps(document))
    with calling_as(f"host:{node}"), pytest.raises(PolicyError, match="IpAddress"):
        aws.client("ec2").describe_instances()
    document["Statement"][0]["Condition"] = {"StringNotEquals": {"aws:SourceVpc": "vpc-1"}}
    aws.client("iam").put_role_policy(RoleName="node", PolicyName="own", PolicyDocument=json.dumps(document))
    with calling_as(f"host:{node}"), pytest.raises(IamError, match="aws:SourceVpc"):
        aws.client("ec2").describe_instances()


def test_a_role_must_trust_the_service_that_uses_it(aws: EmbeddedAws, node: str) -> None:
    role(aws, "node", (["ec2:DescribeInstances"], "*"))
    aws.client("iam").update_assume_role_policy(RoleName="node", PolicyDocument=json.dumps(trust("lambda")))
    with calling_as(f"host:{node}"):
        _, message = refused(lambda: aws.client("ec2").describe_instances())
    assert "cannot be assumed by ec2.amazonaws.com" in message


def test_a_secret_needs_its_key_too(aws: EmbeddedAws, node: str) -> None:
    key_arn = key(aws)
    secrets = aws.client("secretsmanager")
    arn = secrets.create_secret(Name="quorate/a/x", SecretString="1", KmsKeyId=key_arn)["ARN"]
    role(aws, "node", (["secretsmanager:GetSecretValue"], arn))

    def read() -> Any:
        with calling_as(f"host:{node}"):
            return secrets.get_secret_value(SecretId="quorate/a/x")["SecretString"]

    _, message = refused(read)
    assert f"perform: kms:Decrypt on resource: {key_arn} because no identity-based policy" in message
    role(aws, "node", (["secretsmanager:GetSecretValue"], arn), (["kms:Decrypt"], key_arn))
    assert read() == "1"
    aws.client("kms").put_key_policy(KeyId=key_arn, PolicyName="default", Policy=json.dumps(policy_of_nobody()))
    _, message = refused(read)
    assert "because no resource-based policy allows the kms:Decrypt action" in message


def policy_of_nobody() -> dict[str, Any]:
    document = policy((["kms:*"], "*"))
    document["Statement"][0]["Principal"] = {"AWS": "arn:aws:iam::123456789012:role/nobody"}
    return document


def test_a_key_through_a_service_is_not_the_key_itself(aws: EmbeddedAws, node: str) -> None:
    key_arn = key(aws)
    document = policy((["kms:Decrypt", "kms:Encrypt"], key_arn))
    document["Statement"][0]["Condition"] = {
        "StringEquals": {"kms:ViaService": "secretsmanager.eu-west-1.amazonaws.com"}
    }
    aws.client("iam").put_role_policy(RoleName="node", PolicyName="own", PolicyDocument=json.dumps(document))
    with calling_as(f"host:{node}"):
        refused(lambda: aws.client("kms").encrypt(KeyId=key_arn, Plaintext=b"x"))


def test_a_ciphertext_says_which_key_it_needs(aws: EmbeddedAws, node: str) -> None:
    mine, other = key(aws), key(aws)
    role(aws, "node", (["kms:Decrypt"], mine))
    kms = aws.client("kms")
    sealed = [kms.encrypt(KeyId=one, Plaintext=b"x")["CiphertextBlob"] for one in (mine, other)]
    with calling_as(f"host:{node}"):
        assert kms.decrypt(CiphertextBlob=sealed[0])["Plaintext"] == b"x"
        _, message = refused(lambda: kms.decrypt(CiphertextBlob=sealed[1]))
    assert other in message


def test_a_table_needs_its_key_too(aws: EmbeddedAws, node: str) -> None:
    key_arn = key(aws)
    aws.client("dynamodb").create_table(
        TableName="t",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        SSESpecification={"Enabled": True, "SSEType": "KMS", "KMSMasterKeyId": key_arn},
    )
    table = "arn:aws:dynamodb:*:*:table/t"
    role(aws, "node", (["dynamodb:PutItem"], table))
    with calling_as(f"host:{node}"):
        _, message = refused(lambda: aws.client("dynamodb").put_item(TableName="t", Item={"pk": {"S": "a"}}))
        assert f"kms:Decrypt on resource: {key_arn}" in message
        role(aws, "node", (["dynamodb:PutItem"], table), (["kms:Decrypt"], key_arn))
        aws.client("dynamodb").put_item(TableName="t", Item={"pk": {"S": "a"}})


def test_every_item_of_a_transaction_is_asked_for(aws: EmbeddedAws, node: str) -> None:
    role(aws, "node", (["dynamodb:UpdateItem", "dynamodb:ConditionCheckItem"], "arn:aws:dynamodb:*:*:table/t"))
    items = [
        {
            "ConditionCheck": {
                "TableName": "t",
                "Key": {"pk": {"S": "a"}},
                "ConditionExpression": "attribute_exists(pk)",
            }
        },
        {"Delete": {"TableName": "t", "Key": {"pk": {"S": "b"}}}},
    ]
    with calling_as(f"host:{node}"):
        _, message = refused(lambda: aws.client("dynamodb").transact_write_items(TransactItems=items))
    assert "perform: dynamodb:DeleteItem" in message


def test_commands_go_to_instances_of_ones_own_cluster_alone(aws: EmbeddedAws) -> None:
    sender = role(aws, "sender", (["xray:PutTraceSegments"], "*"))
    mine, other = (instance(aws, sender, **{"quorate:cluster": name}) for name in ("mine", "other"))
    document = policy(
        (["ssm:SendCommand"], "arn:aws:ssm:*::document/AWS-RunShellScript"),
        (["ssm:SendCommand"], "arn:aws:ec2:*:*:instance/*"),
    )
    document["Statement"][1]["Condition"] = {"StringEquals": {"ssm:resourceTag/quorate:cluster": "mine"}}
    aws.client("iam").put_role_policy(RoleName="sender", PolicyName="own", PolicyDocument=json.dumps(document))

    def send(**more: Any) -> Any:
        with calling_as(f"host:{mine}"):
            return aws.client("ssm").send_command(
                DocumentName="AWS-RunShellScript", Parameters={"commands": ["true"]}, **more
            )

    send(InstanceIds=[mine])
    for given in (
        {"InstanceIds": [other]},
        {"InstanceIds": [mine, other]},
        {"Targets": [{"Key": "tag:quorate:cluster", "Values": ["mine", "other"]}]},
    ):
        code, message = refused(lambda given=given: send(**given))
        assert code == "AccessDeniedException"
        assert f"instance/{other} because no identity-based policy" in message


def test_a_missing_object_is_missing_only_to_those_who_may_list(aws: EmbeddedAws, node: str) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="files", CreateBucketConfiguration={"LocationConstraint": aws.region})
    role(aws, "node", (["s3:GetObject"], "arn:aws:s3:::files/*"))
    with calling_as(f"host:{node}"):
        assert refused(lambda: s3.get_object(Bucket="files", Key="k"))[0] == "AccessDenied"
        role(aws, "node", (["s3:GetObject"], "arn:aws:s3:::files/*"), (["s3:ListBucket"], "arn:aws:s3:::files"))
        assert refused(lambda: s3.get_object(Bucket="files", Key="k"))[0] == "NoSuchKey"


def test_a_node_outside_is_who_its_access_key_says_and_tls_is_seen(aws: EmbeddedAws, node: str, tmp_path: Path) -> None:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="files", CreateBucketConfiguration={"LocationConstraint": aws.region})
    for key_name, size in (("nodes/small", 10), ("nodes/large", 2_000_000), ("others", 10)):
        s3.put_object(Bucket="files", Key=key_name, Body=b"x" * size)
    role(aws, "node", (["s3:GetObject"], "arn:aws:s3:::files/nodes/*"))
    plain_denied = policy((["s3:*"], "arn:aws:s3:::files/*"))
    plain_denied["Statement"][0] |= {
        "Effect": "Deny",
        "Principal": {"AWS": "*"},
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    s3.put_bucket_policy(Bucket="files", Policy=json.dumps(plain_denied))
    authority = Authority(tmp_path)
    secure, plain = aws.serve(tls_certificate=authority.server_pair(aws.region)), aws.serve()
    context = ssl.create_default_context(cafile=authority.pair.certificate)
    context.check_hostname = False
    scope = f"Credential={access_key_of(node)}/20260101/eu-west-1/s3/aws4_request"
    headers = {"Host": "files.s3.eu-west-1.amazonaws.com", "Authorization": f"AWS4-HMAC-SHA256 {scope}, Signature=x"}

    def status(connection: http.client.HTTPConnection, path: str) -> int:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        answer.read()
        connection.close()
        return answer.status

    for path, expected in (("/nodes/small", 200), ("/nodes/large", 200), ("/others", 403), ("/nodes/none", 403)):
        assert status(http.client.HTTPSConnection(*secure.address, timeout=10, context=context), path) == expected, path
    for path in ("/nodes/small", "/nodes/large"):
        assert status(http.client.HTTPConnection(*plain.address, timeout=10), path) == 403


def test_credentials_of_no_instance_open_nothing(aws: EmbeddedAws) -> None:
    keys = {"aws_access_key_id": access_key_of("i-0123456789abcdef0"), "aws_secret_access_key": "x"}
    client = boto3.client("ec2", region_name=aws.region, endpoint_url=aws.serve().url, **keys)
    assert refused(client.describe_instances)[0] == "UnauthorizedOperation"


def test_a_state_machine_calls_with_its_own_role(aws: EmbeddedAws) -> None:
    arn = create(aws, task("aws-sdk:ssm:describeInstanceInformation", {}))
    role(aws, "machine", (["lambda:InvokeFunction"], "*"))
    aws.client("stepfunctions").start_execution(stateMachineArn=arn)
    assert aws.drain(10)
    [execution] = aws.executions()
    assert (execution.status, execution.error) == ("FAILED", "Ssm.AccessDeniedException")
    assert "assumed-role/machine/machine is not authorized to perform: ssm:DescribeInstanceInformation" in str(
        execution.cause
    )


def test_a_token_is_answered_by_who_may_answer_its_machine(aws: EmbeddedAws, node: str) -> None:
    machine = create(aws, waiting(aws, TimeoutSeconds=60))
    aws.client("stepfunctions").start_execution(stateMachineArn=machine)
    given = token(aws)
    role(aws, "node", (["states:SendTaskSuccess"], machine + "-another"))

    def answer() -> None:
        with calling_as(f"host:{node}"):
            aws.client("stepfunctions").send_task_success(taskToken=given, output="{}")

    _, message = refused(answer)
    assert f"on resource: {machine} because" in message
    role(aws, "node", (["states:SendTaskSuccess"], machine))
    answer()
    assert aws.drain(10)


def test_a_rule_that_may_not_deliver_puts_the_event_into_its_dead_letter_queue(aws: EmbeddedAws) -> None:
    dead = {"DeadLetterConfig": {"Arn": queue(aws, "dead")}}
    sqs = aws.client("sqs")
    closed = sqs.create_queue(QueueName="closed")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=closed, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    rule(aws, "all", {"Arn": arn, **dead})
    put(aws, number=1)
    [message] = messages(aws, "dead")
    attributes = {name: value["StringValue"] for name, value in message["MessageAttributes"].items()}
    assert (attributes["ERROR_CODE"], attributes["RETRY_ATTEMPTS"]) == ("NO_PERMISSIONS", "0")
    assert "events.amazonaws.com is not authorized to perform: sqs:SendMessage" in attributes["ERROR_MESSAGE"]


def test_the_small_application_uses_what_it_was_given(
    application: EmbeddedAws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUORATE_PERMISSIONS", str(tmp_path / "permissions"))
    application.client("autoscaling").set_desired_capacity(AutoScalingGroupName="small", DesiredCapacity=1)
    assert application.drain(20)
    assert application.denials == []
    application.close()
    [written] = (tmp_path / "permissions").iterdir()
    unused = {action for stack, _, action, _, used in json.loads(written.read_text()) if stack == "small" and not used}
    assert unused == {"states:SendTaskFailure"}
