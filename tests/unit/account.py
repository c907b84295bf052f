"""An empty account in moto, for as long as a test takes."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from moto import mock_aws

from lambdas.aws.clients import client

KEEP_SESSION: Any = {"core": {"reset_boto3_session": False}}
"""moto gives every account a session of its own, and each reads the services' models anew: 0.2 s, more than most tests
take. Clients know nothing of the account that answers them."""


@contextmanager
def an_account() -> Iterator[None]:
    with mock_aws(config=KEEP_SESSION):
        yield


def make_table(name: str) -> None:
    """The cluster's one table."""
    client("dynamodb").create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        BillingMode="PAY_PER_REQUEST",
    )
