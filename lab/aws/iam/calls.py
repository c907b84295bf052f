"""An API call as its service reads it, from the HTTP request: the same for callers in this process and outside."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, parse_qsl, unquote, urlsplit

from lab.aws.iam.errors import UnknownCallError

QUERY_SERVICES = frozenset({"autoscaling", "cloudformation", "ec2", "iam", "sns", "sts"})
PATH_SERVICES = frozenset({"lambda", "s3", "xray"})


@dataclass(frozen=True)
class HttpRequest:
    """`path` as it was sent, with its escapes. `body` is not there for an object that is being stored."""

    method: str
    path: str
    query: str
    target: str = ""
    """The header X-Amz-Target, where the protocol has the operation in it."""
    body: bytes = b""
    bucket: str | None = None
    """Set where S3's virtual-hosted style was used."""
    copies: bool = False
    """Whether an object is written that is another's copy."""
    secure: bool = True
    tagging: str = ""
    """The header X-Amz-Tagging: tags of an object that is written, as a query."""


@dataclass(frozen=True)
class ApiCall:
    """`parameters` by the names of the service's API; for S3 also `Bucket` and `Key`."""

    service: str
    operation: str
    parameters: Mapping[str, Any]
    secure: bool = True

    @property
    def name(self) -> str:
        return f"{self.service}:{self.operation}"

    def text(self, parameter: str) -> str:
        return str(self.parameters.get(parameter) or "")

    def members(self, parameter: str) -> list[str]:
        """A list, also in the query protocol's way to write one: `Name.1`, `Name.member.1`."""
        given = self.parameters.get(parameter)
        if given is not None:
            return [str(one) for one in given] if isinstance(given, list) else [str(given)]
        found = []
        for name, value in self.parameters.items():
            first, *rest = name.split(".")
            if first == parameter and rest and rest[-1].isdecimal() and rest[:-1] in ([], ["member"]):
                found.append(str(value))
        return found


def read(service: str, request: HttpRequest, operation: str = "") -> ApiCall:
    """`operation` is needed where the protocol does not carry it: Lambda's and X-Ray's, whose callers are here."""
    if service == "s3":
        return _object_call(request)
    if service in QUERY_SERVICES:
        form = request.body.decode() if request.body else request.query
        parameters = {name: values[0] for name, values in parse_qs(form, keep_blank_values=True).items()}
        return ApiCall(service, parameters.get("Action", operation), parameters, request.secure)
    if service in PATH_SERVICES:
        return _path_call(service, request, operation)
    try:
        parameters = json.loads(request.body or b"{}")
    except ValueError:
        raise UnknownCallError(f"{service}:{operation}: its body is not JSON") from None
    return ApiCall(service, request.target.rpartition(".")[2] or operation, parameters, request.secure)


def of_url(url: str) -> tuple[str, str, str]:
    """Host, path and query of a URL."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.path, parts.query


# Lambda and X-Ray.


def _path_call(service: str, request: HttpRequest, operation: str) -> ApiCall:
    parts = [unquote(part) for part in request.path.strip("/").split("/")]
    parameters: dict[str, Any] = dict(parse_qsl(request.query, keep_blank_values=True))
    if service == "lambda" and len(parts) >= 4 and parts[1] == "functions" and parts[-1] == "invocations":
        return ApiCall(service, "Invoke", parameters | {"FunctionName": parts[2]}, request.secure)
    if service == "xray" and len(parts) == 1:
        return ApiCall(service, operation or {"TraceSegments": "PutTraceSegments"}.get(parts[0], parts[0]), {})
    raise UnknownCallError(f"{service}:{operation or request.method} {request.path}")


# S3: the operation is in the method, in what the path names and in the query.

_OF_OBJECT = {"GET": "GetObject", "HEAD": "HeadObject", "PUT": "PutObject", "DELETE": "DeleteObject"}
_OF_BUCKET = {"GET": "ListObjects", "HEAD": "HeadBucket"}
_OF_UPLOAD = {"PUT": "UploadPart", "POST": "CompleteMultipartUpload", "DELETE": "AbortMultipartUpload"}

# Parameters that leave the operation what it is.
_PLAIN = frozenset(
    {
        "continuation-token",
        "delimiter",
        "encoding-type",
        "fetch-owner",
        "list-type",
        "marker",
        "max-keys",
        "partnumber",
        "prefix",
        "start-after",
        "uploadid",
        "versionid",
        "x-id",
    }
)


def _object_call(request: HttpRequest) -> ApiCall:
    query = {name.lower(): value for name, value in parse_qsl(request.query, keep_blank_values=True)}
    path = unquote(request.path).lstrip("/")
    bucket, _, key = (request.bucket, "", path) if request.bucket else path.partition("/")
    other = [name for name in query if name not in _PLAIN and not name.startswith("x-amz-")]
    operation = None
    if not key:
        operation = "GetBucketLocation" if other == ["location"] else None if other else _OF_BUCKET.get(request.method)
    elif other == ["uploads"] and request.method == "POST":
        operation = "CreateMultipartUpload"
    elif not other:
        operation = (_OF_UPLOAD if "uploadid" in query else _OF_OBJECT).get(request.method)
    if operation is None or not bucket:
        raise UnknownCallError(f"s3:{request.method} /{'{key}' if key else ''}?{'&'.join(other)}")
    if request.copies:
        raise UnknownCallError("s3:CopyObject")
    named = {"Bucket": bucket, "Key": key, "Tagging": request.tagging}
    return ApiCall("s3", operation, named | query, request.secure)
