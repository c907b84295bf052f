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
    ssm, dynamodb = aws.client("ssm"), aws.client("dynamodb")
    bucket, table = names.bucket(OTHER, ACCOUNT, aws.region), records(aws, OTHER)
    target, document = next(iter(instances(aws, OTHER).values())), names.document(OTHER, "consul", "install")
    keys = [one["KeyArn"] for one in kms.list_keys()["Keys"]]
    others = [arn for arn in keys if f"cluster {OTHER}" in kms.describe_key(KeyId=arn)["KeyMetadata"]["Description"]]
    assert len(others) == 5, "two authorities, unseal, recovery, data"
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
            assert refused(lambda: dynamodb.get_item(TableName=table, Key={"pk": {"S": "lease"}, "sk": {"S": "m"}}))
            for parameter in (names.config_parameter(OTHER), names.ca_parameter(OTHER)):
                assert refused(lambda parameter=parameter: ssm.get_parameter(Name=parameter)), parameter
            assert refused(lambda: ssm.send_command(DocumentName=document, InstanceIds=[target], Parameters={}))


def records(aws: EmbeddedAws, cluster: str) -> str:
    [table] = [name for name in aws.client("dynamodb").list_tables()["TableNames"] if f"quorate-{cluster}-" in name]
    return str(table)


def servers(aws: EmbeddedAws, cluster: str) -> list[str]:
    [group] = aws.client("autoscaling").describe_auto_scaling_groups(
        AutoScalingGroupNames=[names.autoscaling_group(cluster, "servers")]
    )["AutoScalingGroups"]
    return [one["InstanceId"] for one in group["Instances"]]


def test_a_sealed_secret_is_the_seeds_that_its_tag_names_and_nobodys_else(aws: EmbeddedAws) -> None:
    secrets = aws.client("secretsmanager")
    seed, neighbour, *_ = servers(aws, MINE)
    for name, products in names.SEALED_SECRETS.items():
        secret = names.secrets_prefix(MINE) + name

        def reads(node: str, secret: str = secret) -> bool:
            """Whether it may: there is nothing in it."""
            with calling_as(f"host:{node}"):
                return not refused(lambda: secrets.get_secret_value(SecretId=secret))

        if name != "vault/recovery-keys":  # those are stored by whoever has them
            with calling_as(f"host:{seed}"):
                assert refused(lambda secret=secret: secrets.put_secret_value(SecretId=secret, SecretString="x"))
        assert not reads(seed)
        tags = [{"Key": names.seed_tag(one), "Value": instance_arn(aws, seed)} for one in products]
        with calling_as(f"lambda:{names.function(MINE, 'begin_formation')}"):
            secrets.tag_resource(SecretId=secret, Tags=tags)
            assert refused(
                lambda secret=secret: secrets.tag_resource(SecretId=secret, Tags=[{"Key": "other", "Value": "x"}])
            )
        # Who made recovery keys stored them, and asks only whether there are any.
        assert reads(seed) == (name != "vault/recovery-keys")
        assert not reads(neighbour)
        with calling_as(f"lambda:{names.function(MINE, 'complete_formation')}"):
            secrets.untag_resource(SecretId=secret, TagKeys=[names.seed_tag(one) for one in products])
        assert not reads(seed)


def instance_arn(aws: EmbeddedAws, instance_id: str) -> str:
    return f"arn:aws:ec2:{aws.region}:{ACCOUNT}:instance/{instance_id}"


def test_a_node_reads_what_was_delivered_to_it_and_not_what_is_for_another(aws: EmbeddedAws) -> None:
    s3, bucket = aws.client("s3"), names.bucket(MINE, ACCOUNT, aws.region)
    mine, neighbour, *_ = servers(aws, MINE)
    deliver = f"lambda:{names.function(MINE, 'plan_membership')}"

    def put(node: str, reader: str) -> str:
        key = f"nodes/{node}/consul/x.json"
        with calling_as(deliver):
            s3.put_object(Bucket=bucket, Key=key, Body=b"x", Tagging=urlencode({names.NODE_TAG: reader}))
        return key

    own, others = (put(node, instance_arn(aws, node)) for node in (mine, neighbour))
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
    table = records(aws, OTHER)
    sealed = names.secrets_prefix(OTHER) + "vault/recovery-keys"
    open_to_mine = [{"Key": names.seed_tag("vault"), "Value": instance_arn(aws, servers(aws, MINE)[0])}]
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
        "seals": lambda: aws.client("secretsmanager").tag_resource(SecretId=sealed, Tags=open_to_mine),
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
