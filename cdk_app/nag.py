"""cdk-nag: what it may overlook, said where the thing is built, each with its reason."""

from typing import Any

from aws_cdk import Acknowledgment, App, Stack, Validations
from constructs import IConstruct


def acknowledge(construct: IConstruct, finding: str, reason: str) -> None:
    """`finding` is a rule ("AwsSolutions-S1"), or one finding of it ("AwsSolutions-IAM5[Resource::*]")."""
    Validations.of(construct).acknowledge(Acknowledgment(id=finding, reason=reason))


def acknowledge_wildcard(construct: IConstruct, arn: str, reason: str) -> None:
    """For a policy under `construct` that names more than one resource by `arn`."""
    acknowledge(construct, f"AwsSolutions-IAM5[Resource::{_readable(Stack.of(construct).resolve(arn))}]", reason)


def _readable(value: Any) -> str:
    """A resolved token as cdk-nag writes it: `arn:<AWS::Partition>:...`, `<Bucket.Arn>/*`."""
    match value:
        case {"Fn::Join": [separator, parts]}:
            return str(separator).join(_readable(part) for part in parts)
        case {"Ref": name}:
            return f"<{name}>"
        case {"Fn::GetAtt": [name, attribute]}:
            return f"<{name}.{attribute}>"
    return str(value)


def check(app: App) -> None:
    """Have `app.synth()` fail on any finding that nobody acknowledged."""
    from cdk_nag import AwsSolutionsChecks  # loading it costs a synth that does not ask for it

    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
