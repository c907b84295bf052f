"""How events reach each kind of target."""

import json
import time
import uuid
from collections.abc import Mapping
from typing import Any

from botocore.exceptions import ClientError

from lab.aws.calls import OPERATOR, calling_as
from lab.aws.cloud import Cloud
from lab.aws.event_bridge import EventBridge, PermanentDeliveryError

# Errors after which EventBridge does not try again, and what it writes into the dead-letter message.
PERMANENT_CODES = {
    "AccessDenied": "NO_PERMISSIONS",
    "AccessDeniedException": "NO_PERMISSIONS",
    "AuthorizationError": "NO_PERMISSIONS",
    "StateMachineDoesNotExist": "STATE_MACHINE_NOT_FOUND",
    "AWS.SimpleQueueService.NonExistentQueue": "SQS_QUEUE_NOT_FOUND",
    "QueueDoesNotExist": "SQS_QUEUE_NOT_FOUND",
    "NotFound": "SNS_TOPIC_NOT_FOUND",
    "ResourceNotFoundException": "RESOURCE_NOT_FOUND",
}


class EventTargets:
    def __init__(self, cloud: Cloud, event_bridge: EventBridge) -> None:
        self._cloud = cloud
        self._event_bridge = event_bridge

    def install(self) -> None:
        for service, deliver in {
            "states": self._start_execution,
            "lambda": self._invoke,
            "sqs": self._send_message,
            "sns": self._publish,
            "logs": self._log,
            "events": self._forward,
        }.items():
            self._event_bridge.register_target(service, _told_apart(deliver))

    def _start_execution(self, arn: str, payload: Any, target: Mapping[str, Any]) -> None:
        # AWS derives the name from the event's id but documents no form; nothing may rely on it.
        self._cloud.client("stepfunctions").start_execution(
            stateMachineArn=arn, name=str(uuid.uuid4()), input=json.dumps(payload)
        )

    def _invoke(self, arn: str, payload: Any, target: Mapping[str, Any]) -> None:
        self._cloud.client("lambda").invoke(FunctionName=arn, InvocationType="Event", Payload=json.dumps(payload))

    def _send_message(self, arn: str, payload: Any, target: Mapping[str, Any]) -> None:
        sqs = self._cloud.client("sqs")
        group = target.get("SqsParameters", {}).get("MessageGroupId")
        with calling_as(OPERATOR):  # AWS needs no URL to find a queue
            queue_url = sqs.get_queue_url(QueueName=arn.rsplit(":", 1)[-1])["QueueUrl"]
        sqs.send_message(
            QueueUrl=queue_url,
            MessageBody=json.dumps(payload),
            **({"MessageGroupId": group} if group else {}),
        )

    def _publish(self, arn: str, payload: Any, target: Mapping[str, Any]) -> None:
        self._cloud.client("sns").publish(TopicArn=arn, Message=json.dumps(payload))

    def _log(self, arn: str, payload: Any, target: Mapping[str, Any]) -> None:
        logs = self._cloud.client("logs")
        group = arn.split(":log-group:", 1)[1].removesuffix(":*")
        stream = str(uuid.uuid4())
        logs.create_log_stream(logGroupName=group, logStreamName=stream)
        logs.put_log_events(
            logGroupName=group,
            logStreamName=stream,
            logEvents=[{"timestamp": int(time.time() * 1000), "message": json.dumps(payload)}],
        )

    def _forward(self, arn: str, payload: Any, target: Mapping[str, Any]) -> None:
        entry = {"Source": payload["source"], "DetailType": payload["detail-type"], "EventBusName": arn}
        self._cloud.client("events").put_events(Entries=[{**entry, "Detail": json.dumps(payload["detail"])}])


def _told_apart(deliver: Any) -> Any:
    """Errors that another try could mend from those that none can."""

    def told(arn: str, payload: Any, target: Mapping[str, Any]) -> None:
        try:
            deliver(arn, payload, target)
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code in PERMANENT_CODES:
                raise PermanentDeliveryError(PERMANENT_CODES[code], str(error)) from error
            raise

    return told
