"""CloudWatch Logs and X-Ray, as far as somebody writes to them through the API."""

from collections.abc import Iterable

from lab.aws.iam.account import Account
from lab.aws.iam.calls import ApiCall
from lab.aws.iam.needs import Need, Row, Rows, anywhere


def _on_stream(operation: str) -> Row:
    def row(call: ApiCall, account: Account) -> Iterable[Need]:
        stream = call.text("logStreamName") if operation == "PutLogEvents" else ""
        resource = f"log-group:{call.text('logGroupName')}:log-stream:{stream}"
        return (Need(f"logs:{operation}", account.arn("logs", resource)),)

    return row


ROWS: Rows = {operation: _on_stream(operation) for operation in ("CreateLogStream", "PutLogEvents")}

TRACE_ROWS: Rows = {
    operation: anywhere(f"xray:{operation}")
    for operation in ("GetSamplingRules", "GetSamplingTargets", "PutTelemetryRecords", "PutTraceSegments")
}
