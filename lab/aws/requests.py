"""Requests of this process as moto reads them: not put together by a web server's test client, JSON not read as a form
first, and no search through the URLs of all services.
"""

import functools
import io
import re
import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import SplitResult, unquote, urlencode, urlsplit

import moto.backend_index
import moto.backends
import moto.core.responses
from botocore.awsrequest import AWSPreparedRequest
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.base_backend import BackendDict
from moto.core.botocore_stubber import BotocoreStubber
from moto.core.exceptions import HTTPException
from moto.core.request import (
    PRESERVED_HEADER_NAMES_ENVIRON_KEY,
    Request,
    normalize_request,
    should_preserve_original_header_name,
)
from moto.core.responses import BaseResponse
from moto.core.utils import utcnow
from moto.utilities.utils import get_partition
from werkzeug.datastructures import ImmutableMultiDict
from werkzeug.http import http_date

from lab.aws.cloud import Cloud

Method = Callable[[Any, str, Any], Any]

DOMAIN = ".amazonaws.com"
TARGET = "X-Amz-Target"
"""The header that has the operation where all else is in the body."""

_NOTHING: ImmutableMultiDict[str, Any] = ImmutableMultiDict()
_ASCII_PATH = re.compile(r"(?:[A-Za-z0-9/._:~-]|%[2-7][0-9A-F])*")


class Requests:
    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def install(self) -> None:
        self._cloud.seams.wrap(BotocoreStubber, "process_request", _at_once)
        self._cloud.seams.wrap(BaseResponse, "setup_class", _from_body)
        self._cloud.seams.replace(moto.core.responses, "gen_amzn_requestid_long", _give_request_id)


@functools.lru_cache(maxsize=4096)
def _split(url: str) -> SplitResult:
    return urlsplit(url)


def reaches_aws(url: str) -> bool:
    return (_split(url).hostname or "").endswith(DOMAIN)


def _at_once(process_request: Any) -> Any:
    def process(stubber: BotocoreStubber, request: Any) -> Any:
        url = _split(request.url)
        method = _method_of(f"{url.scheme}://{url.netloc}{url.path}") if reaches_aws(request.url) else None
        if method is None:
            return process_request(stubber, request)
        short = _short(request, url)
        normalized = short or normalize_request(request)
        try:
            return method(normalized, request.url if short else normalized.raw_url, normalized.headers)
        except HTTPException as error:
            return error.code, error.get_headers(), error.get_body()

    return process


@functools.lru_cache(maxsize=4096)
def _method_of(url: str) -> Method | None:
    """The way moto looks: the first service whose pattern fits, the first of its URLs that does."""
    for service, pattern in moto.backend_index.backend_url_patterns:
        if pattern.match(url):
            return next((method for path, method in _urls(service) if path.match(url)), None)
    return None


@functools.cache
def _urls(service: Any) -> list[tuple[re.Pattern[str], Method]]:
    """moto imports them anew each time that somebody looks."""
    backends = moto.backends.get_backend(service)
    if not isinstance(backends, BackendDict):
        return []
    regions = backends[DEFAULT_ACCOUNT_ID]
    backend = regions["us-east-1" if "us-east-1" in regions else "aws"]
    return [(re.compile(path), method) for path, method in backend.urls.items()]


def _give_request_id(headers: dict[str, Any]) -> str:
    """moto draws 52 letters one by one."""
    headers["x-amzn-requestid"] = request_id = str(uuid.uuid4())
    return request_id


class FormRequest(AWSPreparedRequest):  # type: ignore[misc]
    """One of whose form nobody may ever need the text."""

    def __init__(self, method: str, url: str, headers: Any, form: dict[str, Any], stream_output: bool) -> None:
        self.form = form
        super().__init__(method, url, headers, None, stream_output)

    @property
    def body(self) -> bytes:
        return urlencode(self.form, doseq=True).encode()

    @body.setter
    def body(self, body: None) -> None:
        pass


class _ShortRequest(Request):
    """One whose operation is in a header or in a form, and all else in its body."""


def _short(request: AWSPreparedRequest, url: SplitResult) -> Request | None:
    """As `normalize_request` makes it, where the body is at hand."""
    form = _NOTHING
    if isinstance(request, FormRequest):
        form, body = ImmutableMultiDict(request.form), b""
    else:
        body = request.body if request.body is not None else b""
    content_type = request.headers.get("Content-Type", "")
    if isinstance(content_type, bytes):
        content_type = content_type.decode()
    if not _ASCII_PATH.fullmatch(url.path) or ("form" in content_type and not form):
        return None
    if isinstance(body, io.BytesIO):
        body = body.read()
    if not isinstance(body, bytes):
        return None
    environ: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(url.path),
        "RAW_URI": f"{url.path}?{url.query}" if url.query else url.path,
        "QUERY_STRING": url.query,
        "SERVER_NAME": url.netloc,
        "SERVER_PORT": "443",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": url.netloc,
        "wsgi.url_scheme": url.scheme,
        "wsgi.input": io.BytesIO(body),
        "CONTENT_LENGTH": str(len(body)),
    }
    preserved = {}
    for name, value in request.headers.items():
        key = name.upper().replace("-", "_")
        key = key if key in ("CONTENT_TYPE", "CONTENT_LENGTH") else f"HTTP_{key}"
        environ[key] = value.decode() if isinstance(value, bytes) else str(value)
        if should_preserve_original_header_name(name):
            preserved[key] = name
    environ[PRESERVED_HEADER_NAMES_ENVIRON_KEY] = preserved
    made = (_ShortRequest if TARGET in request.headers or form else Request)(environ)
    made.__dict__ |= {"_cached_data": body, "data": body, "form": form, "files": _NOTHING}
    return made


def _from_body(setup_class: Any) -> Any:
    """moto reads the body as a form first, then as what it is."""

    def setup(
        response: Any, request: Request, full_url: str | None = None, headers: Any = None, use_raw_body: Any = None
    ) -> None:
        if not isinstance(request, _ShortRequest):
            setup_class(response, request, full_url, headers, use_raw_body)
            return
        raw = response.use_raw_body if use_raw_body is None else use_raw_body
        given = {key: [value] for key, value in request.form.items()}
        url = full_url or request.raw_url
        region = response.get_region_from_url(request, url)
        response.__dict__ |= {
            "is_werkzeug_request": False,
            "normalized_request": request,
            "parsed_url": _split(url),
            "raw_body": request.data,
            "body": request.data if raw else request.data.decode(),
            "form_data": request.form,
            "uri": url,
            "path": request.path,
            "raw_path": request.raw_path,
            "querystring": given,
            "data": given,
            "method": request.method,
            "region": region,
            "partition": get_partition(region),
            "uri_match": {},
            "headers": request.headers,
            "response_headers": {"server": "amazon.com", "date": http_date(utcnow())},
        }
        if response.automated_parameter_parsing:
            response.parse_parameters(request)
        response.access_key = response.get_access_key()
        response.current_account = response.get_current_account()

    return setup
