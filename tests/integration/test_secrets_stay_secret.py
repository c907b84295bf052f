"""No value that Secrets Manager holds is anywhere else that AWS shows: searched for plain, in base64 and in hex."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lab.aws.calls import calling_as
from lambdas.domain import names
from tests.integration.conftest import Open
from tests.integration.story import Story

SHORTEST = 16
"""Characters: what is shorter is a number or a name, and would be found by chance."""


@pytest.fixture(scope="module")
def alone(tell: Open) -> Iterator[Story]:
    with tell("alone") as formed:
        yield formed.settle()


def secret_values(story: Story) -> set[str]:
    """Every value that somebody could use, of every version."""
    secrets = story.aws.client("secretsmanager")
    texts = []
    for secret in secrets.list_secrets()["SecretList"]:
        texts.append(secrets.get_secret_value(SecretId=secret["ARN"]).get("SecretString", ""))
    return {word for text in texts for word in leaves(text) if len(word) >= SHORTEST}


def leaves(text: str) -> Iterator[str]:
    try:
        value = json.loads(text)
    except ValueError:
        yield text
        return
    todo = [value]
    while todo:
        one = todo.pop()
        if isinstance(one, dict):
            todo += one.values()
        elif isinstance(one, list):
            todo += one
        else:
            yield str(one)


def spellings(value: str) -> Iterator[str]:
    """Plain, hex, and base64 at each of the three places in which it may begin."""
    data = value.encode()
    yield value
    yield data.hex()
    for offset in range(3):
        whole = base64.b64encode(b"\0" * offset + data).decode().rstrip("=")
        yield whole[{0: 0, 1: 2, 2: 3}[offset] : -2]


def places(story: Story) -> Iterator[tuple[str, str]]:
    """(where, text) of everything that AWS would show of a cluster but its secrets."""
    yield "template", json.dumps(story.aws.client("cloudformation").get_template(StackName=story.prepared.stack_name))
    for execution in story.aws.executions():
        yield f"history of {execution.name}", told(execution.events)
        yield f"execution {execution.name}", told([execution.input, execution.output, execution.cause])
    ssm = story.aws.client("ssm")
    yield "commands", told(list(ssm.get_paginator("list_commands").paginate()))
    for page in ssm.get_paginator("list_command_invocations").paginate():
        for one in page["CommandInvocations"]:
            ended = ssm.get_command_invocation(CommandId=one["CommandId"], InstanceId=one["InstanceId"])
            yield f"output of {one['DocumentName']}", told(ended)
    yield "parameters", told(ssm.get_parameters_by_path(Path="/quorate", Recursive=True))
    yield "table", told(story.aws.client("dynamodb").scan(TableName=story.table_name)["Items"])
    s3 = story.aws.client("s3")
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=story.bucket):
        for found in page.get("Contents", []):
            body = s3.get_object(Bucket=story.bucket, Key=found["Key"])["Body"].read()
            yield found["Key"], body.decode(errors="replace")
    yield "log", story.log


def told(value: Any) -> str:
    return json.dumps(value, default=str)


def found_in(story: Story, values: set[str]) -> set[str]:
    wanted = [spelling for value in values for spelling in spellings(value)]
    return {where for where, text in places(story) if any(spelling in text for spelling in wanted)}


def test_no_secret_is_anywhere_else(alone: Story) -> None:
    values = secret_values(alone)
    assert len(values) >= 15, "gossip keys, tokens, recovery keys"
    assert found_in(alone, values) == set()


@pytest.mark.parametrize("spelled", ["plain", "hex", "base64", "base64 in the middle"])
def test_the_search_finds_what_is_planted(alone: Story, spelled: str) -> None:
    secret = min(secret_values(alone))
    text = {
        "plain": f"token={secret}",
        "hex": secret.encode().hex(),
        "base64": base64.b64encode(secret.encode()).decode(),
        "base64 in the middle": base64.b64encode(f"user:{secret}!".encode()).decode(),
    }[spelled]
    key = {"pk": {"S": "planted"}, "sk": {"S": "here"}}
    table = alone.aws.client("dynamodb")
    table.put_item(TableName=alone.table_name, Item={**key, "text": {"S": text}})
    try:
        assert found_in(alone, {secret}) == {"table"}
    finally:
        table.delete_item(TableName=alone.table_name, Key=key)


def test_once_formed_no_node_reads_what_is_a_break_glass_roles(alone: Story) -> None:
    """Its own agents' tokens it reads all the same, so a refusal is one of the secret and not of the node."""
    secrets, prefix = alone.aws.client("secretsmanager"), names.secrets_prefix(alone.config.name)
    for node in alone.states("servers"):
        with calling_as(f"host:{node}"):
            assert secrets.get_secret_value(SecretId=f"{prefix}consul/agent-token-server")["SecretString"]
            for name in names.SEALED_SECRETS:
                with pytest.raises(ClientError, match="AccessDeniedException"):
                    secrets.get_secret_value(SecretId=prefix + name)
