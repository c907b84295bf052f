"""A stack as handlers find it: their environment, the table, and the cluster file in Parameter Store."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from lambdas.aws.clients import client
from lambdas.domain import names
from lambdas.settings import Settings
from tests.builders import a_config
from tests.unit.account import an_account, make_table

MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:quorate-demo-"


@dataclass(frozen=True)
class Context:
    """What Powertools reads of Lambda's context."""

    function_name: str = "quorate-demo-handler"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:eu-west-1:123456789012:function:quorate-demo-handler"
    aws_request_id: str = "12345678-1234-1234-1234-123456789012"

    def get_remaining_time_in_millis(self) -> int:
        return 30_000


@pytest.fixture
def settings(monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    config = a_config()
    made = Settings(
        cluster_name=config.name,
        table_name="quorate-demo",
        bucket_name="bucket",
        config_parameter=names.config_parameter(config.name),
        ca_key_ids="key,standby",
        unseal_key_id="key",
        instances_arn="arn:aws:ec2:eu-west-1:123456789012:instance/*",
        form_cluster_arn=f"{MACHINE}form_cluster",
        node_launch_arn=f"{MACHINE}node_launch",
        node_terminate_arn=f"{MACHINE}node_terminate",
        renew_certificates_arn=f"{MACHINE}renew_certificates",
        rotate_secrets_arn=f"{MACHINE}rotate_secrets",
    )
    for name, value in made.to_environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("POWERTOOLS_TRACE_DISABLED", "true")
    with an_account():
        make_table(made.table_name)
        client("ssm").put_parameter(Name=made.config_parameter, Value=config.model_dump_json(), Type="String")
        yield made
