"""The one place that makes Powertools objects. Handlers wrap themselves in `entry` and log with `logger`."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from aws_lambda_powertools import Logger, Tracer, single_metric
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer,
    IdempotencyConfig,
    idempotent_function,
)
from aws_lambda_powertools.utilities.typing import LambdaContext

from lambdas.aws.clients import client
from lambdas.domain.errors import QuorateError

SERVICE = "quorate"
NAMESPACE = "Quorate"

logger = Logger(service=SERVICE)
tracer = Tracer(service=SERVICE)

Handler = Callable[[dict[str, Any], LambdaContext], Any]


def entry(handler: Handler) -> Handler:
    """Log context, a line for each refusal, a trace segment around. Nobody logs the event: it holds task tokens."""
    wrapped: Handler = tracer.capture_lambda_handler(
        logger.inject_lambda_context(_refusals_told(handler), clear_state=True),
        capture_response=False,
        capture_error=True,
    )
    return wrapped


def _refusals_told(handler: Handler) -> Handler:
    @wraps(handler)
    def told(event: dict[str, Any], context: LambdaContext) -> Any:
        try:
            return handler(event, context)
        except QuorateError as refusal:
            decided(f"{type(refusal).__name__}: {refusal}")
            raise

    return told


def decided(reason: str, **keys: object) -> None:
    """One line for each decision, in words that an operator reads without knowing the code."""
    logger.info(reason, extra={key: str(value) for key, value in keys.items()})


def count(name: str, **dimensions: str) -> None:
    """One metric, written at once: a handler that fails after it has still counted."""
    with single_metric(
        name=name, unit=MetricUnit.Count, value=1, namespace=NAMESPACE, default_dimensions={"service": SERVICE}
    ) as metric:
        for dimension, value in dimensions.items():
            metric.add_dimension(name=dimension, value=value)


def once(table_name: str, key: str, work: Callable[[], dict[str, Any]], context: LambdaContext) -> dict[str, Any]:
    """Do `work` once for `key` within an hour; a repetition gets the first result. The result must be JSON."""
    layer = DynamoDBPersistenceLayer(
        table_name=table_name,
        key_attr="pk",
        sort_key_attr="sk",
        static_pk_value="idempotency",
        expiry_attr="expires_at",
        boto3_client=client("dynamodb"),  # its own would be made at each call, from 100 ms of JSON
    )

    def call(*, key: str) -> dict[str, Any]:
        return work()

    config = IdempotencyConfig(expires_after_seconds=3600)
    config.register_lambda_context(context)  # a repetition may start over once the first can no longer be running
    guarded = idempotent_function(call, data_keyword_argument="key", persistence_store=layer, config=config)
    result: dict[str, Any] = guarded(key=key)
    return result
