"""cdk-nag: what it may overlook, said where the thing is built, each with its reason."""

from aws_cdk import Acknowledgment, App, Validations
from constructs import IConstruct


def acknowledge(construct: IConstruct, finding: str, reason: str) -> None:
    """`finding` is a rule ("AwsSolutions-S1"), or one finding of it ("AwsSolutions-IAM5[Resource::*]")."""
    Validations.of(construct).acknowledge(Acknowledgment(id=finding, reason=reason))


def check(app: App) -> None:
    """Have `app.synth()` fail on any finding that nobody acknowledged."""
    from cdk_nag import AwsSolutionsChecks  # loading it costs a synth that does not ask for it

    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
