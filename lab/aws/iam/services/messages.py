"""SQS and SNS: the queue, the topic."""

from collections.abc import Iterable

from lab.aws.iam.account import Account
from lab.aws.iam.calls import ApiCall
from lab.aws.iam.needs import Need, Row, Rows


def _on_queue(action: str) -> Row:
    def row(call: ApiCall, account: Account) -> Iterable[Need]:
        name = call.text("QueueName") or call.text("QueueUrl").rsplit("/", 1)[-1]
        return (Need(f"sqs:{action}", account.arn("sqs", name)),)

    return row


def _publish(call: ApiCall, account: Account) -> Iterable[Need]:
    # A topic's default policy asks for the owner of the source; no request of ours has one but the account's own.
    return (Need("sns:Publish", call.text("TopicArn") or call.text("TargetArn"), {"aws:SourceOwner": account.id}),)


QUEUE_ROWS: Rows = {
    operation: _on_queue(operation)
    for operation in ("DeleteMessage", "GetQueueAttributes", "GetQueueUrl", "ReceiveMessage", "SendMessage")
} | {"SendMessageBatch": _on_queue("SendMessage"), "DeleteMessageBatch": _on_queue("DeleteMessage")}

TOPIC_ROWS: Rows = {"Publish": _publish}
