"""Roles for tests that make their functions, machines and rules through the API."""

import json
from collections.abc import Sequence
from typing import Any

from lab.aws import EmbeddedAws
from lab.aws.calls import OPERATOR, calling_as

SERVICES = ("ec2", "events", "lambda", "states")


def trust(*services: str) -> dict[str, Any]:
    principals = [f"{service}.amazonaws.com" for service in services or SERVICES]
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": principals}}
    return {"Version": "2012-10-17", "Statement": [statement]}


def policy(*statements: tuple[Sequence[str], str]) -> dict[str, Any]:
    """Each statement is actions and a resource."""
    allowed = [{"Effect": "Allow", "Action": list(actions), "Resource": on} for actions, on in statements]
    return {"Version": "2012-10-17", "Statement": allowed}


def role(aws: EmbeddedAws, name: str, *statements: tuple[Sequence[str], str]) -> str:
    """The ARN of a role that may do this and nothing else; a second call changes what it may do."""
    iam = aws.client("iam")
    with calling_as(OPERATOR):
        if name not in {one["RoleName"] for one in iam.list_roles()["Roles"]}:
            iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust()))
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=json.dumps(policy(*statements)))
    return f"arn:aws:iam::{aws.account}:role/{name}"


def instance(aws: EmbeddedAws, role_arn: str, **tags: str) -> str:
    """The id of an instance with that role."""
    iam, name = aws.client("iam"), role_arn.rsplit("/", 1)[-1]
    if name not in {one["InstanceProfileName"] for one in iam.list_instance_profiles()["InstanceProfiles"]}:
        iam.create_instance_profile(InstanceProfileName=name)
        iam.add_role_to_instance_profile(InstanceProfileName=name, RoleName=name)
    specification = {"ResourceType": "instance", "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
    made = aws.client("ec2").run_instances(
        ImageId="ami-12345678",
        MinCount=1,
        MaxCount=1,
        IamInstanceProfile={"Name": name},
        **({"TagSpecifications": [specification]} if tags else {}),
    )
    assert aws.drain(10)
    return str(made["Instances"][0]["InstanceId"])
