"""moto's DynamoDB, KMS, Parameter Store and S3, with the cluster's table in it."""

from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from lambdas.aws import clients


@pytest.fixture
def table() -> Iterator[str]:
    with mock_aws():
        clients._client.cache_clear()
        boto3.client("dynamodb", "eu-west-1").create_table(
            TableName="quorate-demo",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
            BillingMode="PAY_PER_REQUEST",
        )
        yield "quorate-demo"
    clients._client.cache_clear()
