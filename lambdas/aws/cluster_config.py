"""The cluster file, as the stack wrote it to Parameter Store."""

from lambdas.aws.clients import client
from lambdas.domain.config import ClusterConfig


def load(parameter: str) -> ClusterConfig:
    value = client("ssm").get_parameter(Name=parameter)["Parameter"]["Value"]
    return ClusterConfig.model_validate_json(value)
