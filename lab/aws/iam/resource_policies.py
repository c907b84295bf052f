"""The policy that stands on a resource, by the resource's ARN."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from moto.awslambda.models import lambda_backends
from moto.events.models import events_backends
from moto.logs.models import logs_backends
from moto.sns.models import sns_backends
from moto.sqs.models import sqs_backends

from lab.aws.iam.account import Account
from lab.aws.iam.evaluation import NOTHING
from lab.aws.iam.policy import ELEMENTS, Policies, join
from lab.aws.iam.services.kms import key_policy
from lab.aws.iam.services.s3 import bucket_named
from lab.aws.iam.services.secrets_manager import secret_named

RESOURCE_DECIDES = frozenset({"kms"})
"""Services whose resources' policies must agree, whatever an identity's say."""


def policies_on(account: Account, arn: str) -> Policies:
    service = arn.split(":", 3)[2] if arn.startswith("arn:") else ""
    read = _READERS.get(service)
    document = read(account, arn) if read else None
    return join(((f"policy of {arn}", document),)) if document else NOTHING


def _bucket(account: Account, arn: str) -> str | None:
    bucket = bucket_named(account, arn.split(":::", 1)[1].split("/", 1)[0])
    return bucket.policy.decode() if bucket and bucket.policy else None


def _secret(account: Account, arn: str) -> str | None:
    secret = secret_named(account, arn)
    return str(secret.policy) if secret and secret.policy else None


def _queue(account: Account, arn: str) -> str | None:
    queue = account.of(sqs_backends).queues.get(arn.rsplit(":", 1)[-1])
    return str(queue.policy) if queue and queue.policy else None


def _topic(account: Account, arn: str) -> str | None:
    topic = account.of(sns_backends).topics.get(arn)
    return str(topic.policy) if topic else None


def _function(account: Account, arn: str) -> str | None:
    name = arn.split(":function:", 1)[1].split(":", 1)[0]
    functions = account.of(lambda_backends)
    if name not in functions._lambdas._functions:
        return None
    return _document(functions.get_function(name).policy.statements)


def _document(statements: list[Mapping[str, Any]]) -> str | None:
    """moto keeps more in a function's statements than belongs there, and means the version that is invoked."""
    kept = [
        {key: value for key, value in one.items() if key in ELEMENTS and value}
        | {"Resource": str(one["Resource"]).removesuffix(":$LATEST")}
        for one in statements
    ]
    return json.dumps({"Version": "2012-10-17", "Statement": kept}) if kept else None


def _bus(account: Account, arn: str) -> str | None:
    bus = account.of(events_backends).event_buses.get(arn.rsplit("/", 1)[-1])
    return str(bus.policy) if bus and bus.policy else None


def _log_groups(account: Account, arn: str) -> str | None:
    """All groups of a region share a handful of policies."""
    documents = [json.loads(one.policy_document) for one in account.of(logs_backends).resource_policies.values()]
    statements = [statement for document in documents for statement in _listed(document["Statement"])]
    return json.dumps({"Version": "2012-10-17", "Statement": statements}) if statements else None


def _listed(statements: Any) -> list[Any]:
    return statements if isinstance(statements, list) else [statements]


_READERS: Mapping[str, Callable[[Account, str], str | None]] = {
    "events": _bus,
    "kms": key_policy,
    "lambda": _function,
    "logs": _log_groups,
    "s3": _bucket,
    "secretsmanager": _secret,
    "sns": _topic,
    "sqs": _queue,
}
