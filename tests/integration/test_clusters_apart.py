"""Two clusters side by side in one account: nobody of the one may do anything to the other."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from botocore.exceptions import ClientError

from lab.assembly import ACCOUNT
from lab.aws import Chaos, EmbeddedAws
from lab.aws.calls import calling_as
from lambdas.domain import names
from tests.contract.lab_aws.hosts import RecordingHosts

MINE, OTHER = "three", "five"
REFUSALS = {"AccessDenied", "AccessDeniedException"}


@pytest.fixture(scope="module")
def aws(assembly: Path) -> Iterator[EmbeddedAws]:
    chaos = Chaos()
    chaos.drop_events(lambda event: True, times=10_000)  # nobody launches or forms: what is there is enough
    with EmbeddedAws(RecordingHosts(), "eu-west-1", ACCOUNT, chaos=chaos, permissions_enforced=True) as embedded:
        for cluster in (MINE, OTHER):
            embedded.deploy(assembly, f"quorate-{cluster}")
        yield embedded


def instances(aws: EmbeddedAws, cluster: str) -> dict[str, str]:
    """One instance of each group."""
    tag = {"Name": f"tag:{names.CLUSTER_TAG}", "Values": [cluster]}
    found = aws.client("ec2").describe_instances(Filters=[tag])["Reservations"]
    each = (instance for reservation in found for instance in reservation["Instances"])
    return {one["IamInstanceProfile"]["Arn"]: one["InstanceId"] for one in each}


def refused(call: Callable[[], Any]) -> bool:
    try:
        call()
    except ClientError as error:
        return error.response["Error"]["Code"] in REFUSALS
    return False


def test_nodes_read_and_write_nothing_of_another_cluster(aws: EmbeddedAws) -> None:
    secrets, s3, kms = aws.client("secretsmanager"), aws.client("s3"), aws.client("kms")
    bucket = names.bucket(OTHER, ACCOUNT, aws.region)
    keys = [one["KeyArn"] for one in kms.list_keys()["Keys"]]
    others = [arn for arn in keys if f"cluster {OTHER}" in kms.describe_key(KeyId=arn)["KeyMetadata"]["Description"]]
    assert len(others) == 4
    for node in instances(aws, MINE).values():
        with calling_as(f"host:{node}"):
            for name in names.SECRET_NAMES:
                secret = names.secrets_prefix(OTHER) + name
                assert refused(lambda secret=secret: secrets.get_secret_value(SecretId=secret)), secret
                assert refused(lambda secret=secret: secrets.put_secret_value(SecretId=secret, SecretString="x")), (
                    secret
                )
            for path in ("artifacts/manifest.json", "nodes/i-1/consul/x.json"):
                assert refused(lambda path=path: s3.get_object(Bucket=bucket, Key=path)), path
                assert refused(lambda path=path: s3.put_object(Bucket=bucket, Key=path, Body=b"x")), path
            for key in others:
                assert refused(lambda key=key: kms.encrypt(KeyId=key, Plaintext=b"x"))
                assert refused(lambda key=key: kms.generate_data_key(KeyId=key, KeySpec="AES_256"))
                assert refused(lambda key=key: kms.sign(KeyId=key, Message=b"x", SigningAlgorithm="ECDSA_SHA_256"))


def test_a_node_reads_what_was_delivered_to_it_and_not_what_is_for_another(aws: EmbeddedAws) -> None:
    s3, bucket = aws.client("s3"), names.bucket(MINE, ACCOUNT, aws.region)
    mine, neighbour = list(instances(aws, MINE).values())[:2]
    deliver = f"lambda:{names.function(MINE, 'plan_membership')}"

    def put(node: str, reader: str) -> str:
        key = f"nodes/{node}/consul/x.json"
        with calling_as(deliver):
            s3.put_object(Bucket=bucket, Key=key, Body=b"x", Tagging=urlencode({names.NODE_TAG: reader}))
        return key

    own, others = (put(node, f"arn:aws:ec2:{aws.region}:{ACCOUNT}:instance/{node}") for node in (mine, neighbour))
    with calling_as(f"host:{mine}"):
        assert s3.get_object(Bucket=bucket, Key=own)["Body"].read() == b"x"
        assert refused(lambda: s3.get_object(Bucket=bucket, Key=others))
        assert refused(lambda: s3.put_object(Bucket=bucket, Key=own, Body=b"y"))
    assert refused(lambda: put(mine, "everybody")), "a delivery is for one instance"
    with calling_as(deliver):
        assert refused(lambda: s3.put_object(Bucket=bucket, Key=own, Body=b"x")), "and not for nobody"
    # Nor has it a reader before it says for whom it is, whoever wrote it.
    s3.put_object(Bucket=bucket, Key=own, Body=b"x")
    with calling_as(f"host:{mine}"):
        assert refused(lambda: s3.get_object(Bucket=bucket, Key=own))


def test_functions_send_write_and_start_nothing_in_another_cluster(aws: EmbeddedAws) -> None:
    target = next(iter(instances(aws, OTHER).values()))
    [table] = [name for name in aws.client("dynamodb").list_tables()["TableNames"] if f"quorate-{OTHER}-" in name]
    group = names.autoscaling_group(OTHER, "servers")
    formation = f"arn:aws:states:{aws.region}:{ACCOUNT}:stateMachine:{names.state_machine(OTHER, 'form_cluster')}"
    command = {"InstanceIds": [target], "Parameters": {}}
    attempts: dict[str, Callable[[], Any]] = {
        "its documents there": lambda: aws.client("ssm").send_command(
            DocumentName=names.document(MINE, "consul", "install"), **command
        ),
        "documents of there": lambda: aws.client("ssm").send_command(
            DocumentName=names.document(OTHER, "consul", "install"), **command
        ),
        "records": lambda: aws.client("dynamodb").put_item(TableName=table, Item={"pk": {"S": "a"}, "sk": {"S": "b"}}),
        "configuration": lambda: aws.client("ssm").get_parameter(Name=names.config_parameter(OTHER)),
        "formation": lambda: aws.client("stepfunctions").start_execution(stateMachineArn=formation),
        "launches": lambda: aws.client("autoscaling").suspend_processes(AutoScalingGroupName=group),
        "deliveries": lambda: aws.client("s3").put_object(
            Bucket=names.bucket(OTHER, ACCOUNT, aws.region), Key="nodes/i-1/consul/x.json", Body=b"x"
        ),
    }
    listed = aws.client("lambda").get_paginator("list_functions").paginate()
    functions = [one["FunctionName"] for page in listed for one in page["Functions"]]
    mine = [name for name in functions if name.startswith(names.function(MINE, ""))]
    assert len(mine) > 10
    for function in mine:
        with calling_as(f"lambda:{function}"):
            allowed = [what for what, attempt in attempts.items() if not refused(attempt)]
        assert allowed == [], function
