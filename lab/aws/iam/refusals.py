"""A refusal in its service's protocol and words."""

import json
import uuid
from xml.sax.saxutils import escape

Answer = tuple[int, dict[str, str], str]
"""Status, headers, body."""

# Services of the query protocol, by the code that they refuse with.
_QUERY_CODES = {"autoscaling": "AccessDenied", "cloudformation": "AccessDenied", "iam": "AccessDenied"}
_QUERY_CODES |= {"sns": "AuthorizationError", "sts": "AccessDenied"}
_XML = {"Content-Type": "text/xml"}


def refused(service: str, message: str) -> Answer:
    status, headers, body = _refused(service, message)
    # Step Functions tells the request's id when an integration of its own is refused.
    name = "x-amz-request-id" if service == "s3" else "x-amzn-requestid"
    return status, {**headers, name: str(uuid.uuid4())}, body


def _refused(service: str, message: str) -> Answer:
    if service == "ec2":
        words = f"You are not authorized to perform this operation. {message}"
        error = f"<Error><Code>UnauthorizedOperation</Code><Message>{escape(words)}</Message></Error>"
        return 403, _XML, f"<Response><Errors>{error}</Errors></Response>"
    if service in _QUERY_CODES:
        code = _QUERY_CODES[service]
        error = f"<Error><Type>Sender</Type><Code>{code}</Code><Message>{escape(message)}</Message></Error>"
        return 403, _XML, f"<ErrorResponse>{error}</ErrorResponse>"
    if service == "s3":
        error = f"<Error><Code>AccessDenied</Code><Message>{escape(message)}</Message></Error>"
        return 403, {"Content-Type": "application/xml"}, error
    code, status = ("AccessDeniedException", 403 if service == "lambda" else 400)
    if service == "sqs":
        code, status = "AccessDenied", 403
    headers = {"Content-Type": "application/x-amz-json-1.1", "x-amzn-errortype": code}
    return status, headers, json.dumps({"__type": code, "message": message, "Message": message})
