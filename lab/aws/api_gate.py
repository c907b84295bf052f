"""The one door through which every AWS call of this process passes.

It takes the big lock, counts the call, asks whether the caller may make it, injects throttling, ends handlers that were
killed, and refuses whatever would leave for the real AWS: a thread that outlived its lab must not reach an account with
whatever credentials it finds.
"""

import json
import threading
from typing import Any
from urllib.parse import urlsplit
from xml.sax.saxutils import escape

import boto3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from moto.core.botocore_stubber import BotocoreStubber, MockRawResponse

from lab.aws.cloud import Cloud
from lab.aws.endpoints import bucket_of
from lab.aws.iam.calls import ApiCall, HttpRequest, of_url, read
from lab.aws.iam.refusals import Answer, refused
from lab.aws.invocation import current_invocation
from lab.aws.seams import SeamMovedError

AWS_DOMAINS = (".amazonaws.com", ".api.aws", ".amazonaws.com.cn")

# Services whose name in botocore's events or in signatures is not the name of their boto3 client.
BOTO3_NAMES = {
    "auto-scaling": "autoscaling",
    "cloudwatch-logs": "logs",
    "eventbridge": "events",
    "monitoring": "cloudwatch",
    "secrets-manager": "secretsmanager",
    "sfn": "stepfunctions",
    "states": "stepfunctions",
}

# Calls that wait for something to come: they would hold the lock against whoever brings it.
LONG_POLLS = frozenset({"ReceiveMessage", "GetActivityTask"})


class RealAwsRefusedError(RuntimeError):
    """A call was about to leave for the real AWS."""


def is_aws(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    return host.endswith(AWS_DOMAINS)


_stubbed_call = BotocoreStubber.__dict__.get("__call__")
if _stubbed_call is None or not hasattr(BotocoreStubber, "process_request"):
    raise SeamMovedError("moto's BotocoreStubber no longer answers before-send events")


def _call_or_refuse(
    stubber: BotocoreStubber, event_name: str, request: AWSPreparedRequest, **extra: Any
) -> AWSResponse | None:
    response = _stubbed_call(stubber, event_name, request, **extra)
    if response is None and is_aws(request.url):
        raise RealAwsRefusedError(f"{event_name} to {request.url}: no embedded AWS answers")
    return response


# For the life of the process: from the first import of the lab on, no boto3 client here reaches the real AWS.
BotocoreStubber.__call__ = _call_or_refuse  # type: ignore[method-assign]


def install(cloud: Cloud) -> None:
    call = BotocoreStubber.__call__

    def gated(
        stubber: BotocoreStubber, event_name: str, request: AWSPreparedRequest, **extra: Any
    ) -> AWSResponse | None:
        _, service, operation = event_name.split(".", 2)  # before-send.dynamodb.PutItem
        service = BOTO3_NAMES.get(service, service)
        if invocation := current_invocation():
            invocation.before_call()
        cloud.calls.record(service, operation)
        fault = cloud.chaos.api_fault(service, operation)
        if fault and fault.when == "before":
            return _answered(request, failed(service, fault.code))
        with cloud.lock:
            if refusal := cloud.refusal(lambda: _read(service, operation, request)):
                return _answered(request, refused(service, refusal))
            if operation not in LONG_POLLS:
                answer = call(stubber, event_name, request, **extra)
                return _answered(request, failed(service, fault.code)) if fault else answer
        return call(stubber, event_name, request, **extra)

    cloud.seams.replace(BotocoreStubber, "__call__", gated)
    cloud.seams.wrap(boto3.Session, "client", _one_at_a_time)


def _answered(request: AWSPreparedRequest, answer: Answer) -> AWSResponse:
    status, headers, body = answer
    return AWSResponse(request.url, status, headers, MockRawResponse(body))  # type: ignore[arg-type]


def _read(service: str, operation: str, request: AWSPreparedRequest) -> ApiCall:
    host, path, query = of_url(request.url)
    body = request.body if isinstance(request.body, bytes) else b""
    if isinstance(request.body, str):
        body = request.body.encode()
    bucket = bucket_of(host) if service == "s3" else None
    target = request.headers.get("X-Amz-Target") or ""
    target = target.decode() if isinstance(target, bytes) else str(target)
    copies = "x-amz-copy-source" in request.headers
    tagging = request.headers.get("x-amz-tagging") or ""
    tagging = tagging.decode() if isinstance(tagging, bytes) else str(tagging)
    call = HttpRequest(str(request.method), path, query, target, body, bucket, copies, tagging=tagging)
    return read(service, call, operation)


def _one_at_a_time(make_client: Any) -> Any:
    """A session makes clients for one thread only, and here all functions share the default one."""
    lock = threading.RLock()

    def make(session: boto3.Session, *arguments: Any, **options: Any) -> Any:
        with lock:
            return make_client(session, *arguments, **options)

    return make


def failed(service: str, code: str | None) -> Answer:
    """An error in the service's own protocol: status, headers, body. Without a code, that it was called too often."""
    if code is None:
        return throttled(service)
    message = "injected by the lab"
    status = 500 if code.startswith(("Internal", "ServiceUnavailable")) else 400
    if service in {"autoscaling", "cloudformation", "ec2", "iam", "s3", "sns", "sts"}:
        error = f"<Error><Type>Sender</Type><Code>{escape(code)}</Code><Message>{message}</Message></Error>"
        whole = {"ec2": f"<Response><Errors>{error}</Errors></Response>", "s3": error}
        return status, {"Content-Type": "text/xml"}, whole.get(service, f"<ErrorResponse>{error}</ErrorResponse>")
    headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-errortype": code}
    return status, headers, json.dumps({"__type": code, "message": message})


def throttled(service: str) -> Answer:
    """A throttling answer in the service's own protocol."""
    message = "Rate exceeded"
    if service == "ec2":
        error = f"<Error><Code>RequestLimitExceeded</Code><Message>{escape(message)}</Message></Error>"
        return 503, {"Content-Type": "text/xml"}, f"<Response><Errors>{error}</Errors></Response>"
    if service in {"autoscaling", "cloudformation", "iam", "sns", "sts"}:
        error = f"<Error><Type>Sender</Type><Code>Throttling</Code><Message>{escape(message)}</Message></Error>"
        return 400, {"Content-Type": "text/xml"}, f"<ErrorResponse>{error}</ErrorResponse>"
    if service == "s3":
        error = f"<Error><Code>SlowDown</Code><Message>{escape(message)}</Message></Error>"
        return 503, {"Content-Type": "application/xml"}, error
    code, status = ("TooManyRequestsException", 429) if service == "lambda" else ("ThrottlingException", 400)
    headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-errortype": code}
    return status, headers, f'{{"__type": "{code}", "message": "{message}"}}'
