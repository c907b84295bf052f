"""No value that Secrets Manager holds is anywhere else that AWS shows; what is planted there is found."""

import base64
import time
from collections.abc import Callable, Iterator

import pytest
from botocore.exceptions import ClientError

from lab.aws.calls import calling_as
from lab.leak_hunt import account, hunt, secret_values
from lambdas.domain import names
from tests.integration.conftest import Open
from tests.integration.story import Story


@pytest.fixture(scope="module")
def alone(tell: Open) -> Iterator[Story]:
    with tell("alone") as formed:
        yield formed.settle()


def found_in(story: Story, secrets: dict[str, str]) -> set[str]:
    return {leak.where for leak in hunt(secrets, account.places(story, story.log))}


def test_no_secret_is_anywhere_else(alone: Story) -> None:
    secrets = secret_values(alone.aws.client("secretsmanager"))
    assert len(secrets) >= 15, "gossip keys, tokens, recovery keys"
    assert hunt(secrets, account.places(alone, alone.log)) == []


def in_the_table(story: Story, text: str) -> str:
    item = {"pk": {"S": "planted"}, "sk": {"S": "here"}, "text": {"S": text}}
    story.aws.client("dynamodb").put_item(TableName=story.table_name, Item=item)
    return "item planted"


def in_the_bucket(story: Story, text: str) -> str:
    story.aws.client("s3").put_object(Bucket=story.bucket, Key="planted", Body=text.encode())
    return "object planted"


def in_an_execution(story: Story, text: str) -> str:
    machine = names.state_machine(story.config.name, "node_launch")
    arn = f"arn:aws:states:{story.config.region}:{story.aws.account}:stateMachine:{machine}"
    story.aws.client("stepfunctions").start_execution(stateMachineArn=arn, name="planted", input=f'{{"x": "{text}"}}')
    story.settle()
    return "execution planted"


def in_a_parameter(story: Story, text: str) -> str:
    story.aws.client("ssm").put_parameter(Name="/quorate/planted", Value=text, Type="String")
    return "parameter /quorate/planted"


def in_a_command(story: Story, text: str) -> str:
    [node, *_] = story.states("servers")
    document = names.document(story.config.name, "ca", "install")
    [given] = [
        command["Parameters"]
        for page in story.aws.client("ssm").get_paginator("list_commands").paginate()
        for command in page["Commands"]
        if command["DocumentName"] == document
    ][:1]
    story.aws.client("ssm").send_command(
        InstanceIds=[node], DocumentName=document, Parameters=given | {"PrerequisitesKey": [f"artifacts/{text}"]}
    )
    story.settle()
    return f"parameters of {document}"


def in_a_log(story: Story, text: str) -> str:
    from lambdas.observability import logger

    logger.info(f"a careless line: {text}")
    return "functions' log"


def in_user_data(story: Story, text: str) -> str:
    ec2 = story.aws.client("ec2")
    [template, *_] = ec2.describe_launch_templates()["LaunchTemplates"]
    ec2.create_launch_template_version(
        LaunchTemplateId=template["LaunchTemplateId"],
        LaunchTemplateData={"UserData": base64.b64encode(f"#!/bin/sh\necho {text}\n".encode()).decode()},
    )
    return f"user data of {template['LaunchTemplateName']}"


def in_a_dead_letter(story: Story, text: str) -> str:
    sqs = story.aws.client("sqs")
    sqs.send_message(QueueUrl=sqs.list_queues()["QueueUrls"][0], MessageBody=text)
    return "dead letters"


def in_a_log_group(story: Story, text: str) -> str:
    logs = story.aws.client("logs")
    logs.create_log_group(logGroupName="planted")
    logs.create_log_stream(logGroupName="planted", logStreamName="here")
    logs.put_log_events(
        logGroupName="planted",
        logStreamName="here",
        logEvents=[{"timestamp": int(time.time() * 1000), "message": text}],
    )
    return "log group planted"


PLANTS = [value for name, value in list(globals().items()) if name.startswith("in_")]


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__)
def test_what_is_planted_is_found(alone: Story, plant: Callable[[Story, str], str]) -> None:
    """A made-up secret of this place alone, so that what the others planted is not what is found."""
    secret = f"s.{plant.__name__}.0123456789abcdef"
    where = plant(alone, secret)
    assert where in found_in(alone, {"made up": secret})


def test_a_server_does_not_read_the_recovery_keys_that_it_stored(alone: Story) -> None:
    secrets, [server] = alone.aws.client("secretsmanager"), list(alone.states("servers"))
    name = f"{names.secrets_prefix(alone.config.name)}vault/recovery-keys"
    kept = secrets.describe_secret(SecretId=name)["VersionIdsToStages"]
    [version] = [one for one, labels in kept.items() if "AWSCURRENT" in labels]
    assert f"QUORATE_STORED_BY_{server}" in kept[version]
    with calling_as(f"host:{server}"):
        for which in ({}, {"VersionStage": "AWSCURRENT"}, {"VersionId": version}):
            with pytest.raises(ClientError, match="AccessDenied"):
                secrets.get_secret_value(SecretId=name, **which)


@pytest.mark.parametrize("spelled", ["plain", "hex", "base64", "base64 in the middle"])
def test_it_is_found_however_it_is_written(alone: Story, spelled: str) -> None:
    secret = f"s.written-as-{spelled}"
    text = {
        "plain": f"token={secret}",
        "hex": secret.encode().hex(),
        "base64": base64.b64encode(secret.encode()).decode(),
        "base64 in the middle": base64.b64encode(f"user:{secret}!".encode()).decode(),
    }[spelled]
    assert found_in(alone, {"made up": secret}) == set()
    in_the_table(alone, text)
    assert found_in(alone, {"made up": secret}) == {"item planted"}


def test_once_formed_no_node_reads_what_is_a_break_glass_roles(alone: Story) -> None:
    """Its own agents' tokens it reads all the same, so a refusal is one of the secret and not of the node."""
    secrets, prefix = alone.aws.client("secretsmanager"), names.secrets_prefix(alone.config.name)
    for node in alone.states("servers"):
        with calling_as(f"host:{node}"):
            assert secrets.get_secret_value(SecretId=f"{prefix}consul/agent-token-server")["SecretString"]
            for name in names.SEALED_SECRETS:
                with pytest.raises(ClientError, match="AccessDeniedException"):
                    secrets.get_secret_value(SecretId=prefix + name)
