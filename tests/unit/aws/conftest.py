"""moto's DynamoDB, KMS, Parameter Store and S3, with the cluster's table in it."""

from collections.abc import Iterator

import pytest

from tests.unit.account import an_account, make_table


@pytest.fixture
def table() -> Iterator[str]:
    with an_account():
        make_table("quorate-demo")
        yield "quorate-demo"
