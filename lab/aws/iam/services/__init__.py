"""What the calls of the control plane and of nodes need: a table a service, a row an operation.

Source: AWS's Service Authorization Reference, and where a row says so, a service's own guide.
"""

from lab.aws.iam.account import Account
from lab.aws.iam.calls import ApiCall
from lab.aws.iam.errors import UnknownCallError
from lab.aws.iam.needs import Need, Rows
from lab.aws.iam.services import (
    auto_scaling,
    dynamodb,
    ec2,
    events,
    kms,
    lambda_functions,
    logs,
    messages,
    s3,
    secrets_manager,
    step_functions,
    systems_manager,
)

_TABLES: dict[str, Rows] = {
    "autoscaling": auto_scaling.ROWS,
    "dynamodb": dynamodb.ROWS,
    "ec2": ec2.ROWS,
    "events": events.ROWS,
    "kms": kms.ROWS,
    "lambda": lambda_functions.ROWS,
    "logs": logs.ROWS,
    "s3": s3.ROWS,
    "secretsmanager": secrets_manager.ROWS,
    "sns": messages.TOPIC_ROWS,
    "sqs": messages.QUEUE_ROWS,
    "ssm": systems_manager.ROWS,
    "stepfunctions": step_functions.ROWS,
    # Needs nothing: an identity may always ask who it is (STS API reference).
    "sts": {"GetCallerIdentity": lambda call, account: ()},
    "cloudwatch": {
        "PutMetricData": lambda call, account: (
            Need("cloudwatch:PutMetricData", values={"cloudwatch:namespace": call.text("Namespace")}),
        )
    },
    "xray": logs.TRACE_ROWS,
}


def needs_of(call: ApiCall, account: Account) -> tuple[Need, ...]:
    """Raises UnknownCallError for a call that has no row."""
    row = _TABLES.get(call.service, {}).get(call.operation)
    if row is None:
        raise UnknownCallError(f"{call.name} has no row in lab/aws/iam/services: say what it needs")
    return tuple(row(call, account))
