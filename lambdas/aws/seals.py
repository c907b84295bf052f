"""Sealed secrets: a tag on a secret says which instance may read it, and nodes' roles compare it with their own ARN."""

from collections.abc import Mapping

from lambdas.aws.clients import client
from lambdas.domain import names
from lambdas.settings import Settings


def open_to(settings: Settings, readers: Mapping[str, Mapping[str, str]]) -> None:
    """`readers` by secret: instance ids by tag. One that a secret was open to before, under that tag, reads no more."""
    for secret, instances in readers.items():
        tags = [{"Key": tag, "Value": settings.instance_arn(one)} for tag, one in instances.items()]
        client("secretsmanager").tag_resource(SecretId=_id(settings, secret), Tags=tags)


def close(settings: Settings) -> None:
    for secret, products in names.SEALED_SECRETS.items():
        tags = [names.seed_tag(product) for product in products]
        client("secretsmanager").untag_resource(SecretId=_id(settings, secret), TagKeys=tags)


def _id(settings: Settings, secret: str) -> str:
    return names.secrets_prefix(settings.cluster_name) + secret
