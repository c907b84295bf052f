"""What moto works out anew each time although it is always the same: which method answers a URL, what methods a service
has, what the package is that all functions share. Each takes longer than what it is for.
"""

import functools
import re
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import moto.awslambda.models
import moto.backend_index
import moto.backends
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core import responses as moto_responses
from moto.core.base_backend import BackendDict
from moto.core.botocore_stubber import BotocoreStubber
from moto.core.exceptions import HTTPException
from moto.core.request import normalize_request
from moto.core.utils import method_names_from_class

from lab.aws.cloud import Cloud
from lab.aws.seams import SeamMovedError

Method = Callable[[Any, str, Any], Any]


class Memory:
    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def install(self) -> None:
        if moto_responses.method_names_from_class is not method_names_from_class:
            raise SeamMovedError("moto's responses find the methods of a service in another way")
        self._cloud.seams.replace(moto_responses, "method_names_from_class", _method_names)
        self._cloud.seams.wrap(BotocoreStubber, "process_request", _at_root)
        self._cloud.seams.wrap(moto.awslambda.models, "_s3_content", _read_once)


@functools.cache
def _method_names(service: type) -> frozenset[str]:
    return frozenset(method_names_from_class(service))


def _read_once(read: Any) -> Any:
    """A function's package, by its digest: two dozen functions share one of 12 MB."""
    contents: dict[str, Any] = {}

    def content(key: Any) -> Any:
        if key.etag not in contents:
            contents[key.etag] = read(key)
        return contents[key.etag]

    return content


def _at_root(process_request: Any) -> Any:
    """Requests to `https://<service>.<region>.amazonaws.com/`, which are most: their target is in a header or the body,
    so there are as many of these URLs as services.
    """

    def process(stubber: BotocoreStubber, request: Any) -> Any:
        url = urlsplit(request.url)
        method = _method_of(url.netloc) if url.path == "/" and url.netloc.endswith(".amazonaws.com") else None
        if method is None:
            return process_request(stubber, request)
        normalized = normalize_request(request)
        try:
            return method(normalized, normalized.raw_url, normalized.headers)
        except HTTPException as error:
            return error.code, error.get_headers(), error.get_body()

    return process


@functools.cache
def _method_of(host: str) -> Method | None:
    """The way moto looks: the first service whose pattern fits, the first of its URLs that does."""
    url = f"https://{host}/"
    for service, pattern in moto.backend_index.backend_url_patterns:
        if pattern.match(url):
            backends = moto.backends.get_backend(service)
            if not isinstance(backends, BackendDict):
                return None
            regions = backends[DEFAULT_ACCOUNT_ID]
            backend = regions["us-east-1" if "us-east-1" in regions else "aws"]
            return next((method for path, method in backend.urls.items() if re.match(path, url)), None)
    return None
