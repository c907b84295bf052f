"""Large S3 objects, served from their file without the big lock.

moto reads an object into memory several times and holds up every other call meanwhile; nodes fetch packages of more
than 100 MB, several at once.
"""

import contextlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote

from moto.s3.models import FakeKey, s3_backends

from lab.aws.cloud import Cloud
from lab.aws.endpoints import Address

LARGE_BYTES = 1024 * 1024
BLOCK_BYTES = 1024 * 1024

_RANGE = re.compile(r"^bytes=(\d+)-(\d*)$")

# Parameters of a GET that do not make it another operation.
_HARMLESS = re.compile(r"^(x-amz-|x-id$)", re.IGNORECASE)


@dataclass
class ObjectStream:
    """An open part of an object: read it once, which closes it."""

    status: str
    headers: list[tuple[str, str]]
    file: int
    first: int
    length: int

    def __iter__(self) -> Iterator[bytes]:
        position, end = self.first, self.first + self.length
        while position < end:
            block = os.pread(self.file, min(BLOCK_BYTES, end - position), position)
            if not block:
                return
            position += len(block)
            yield block

    def close(self) -> None:
        with contextlib.suppress(OSError):
            os.close(self.file)


def open_object(cloud: Cloud, address: Address, environ: Mapping[str, str]) -> ObjectStream | None:
    """The object that a plain GET asks for, when it is a large one; None leaves the request to moto."""
    if address.service != "s3" or address.access_key is None or environ["REQUEST_METHOD"] != "GET":
        return None
    if not all(_HARMLESS.match(name) for name in parse_qs(environ.get("QUERY_STRING", ""), keep_blank_values=True)):
        return None
    path = unquote(environ.get("RAW_URI") or environ["PATH_INFO"]).partition("?")[0].lstrip("/")
    bucket_name, _, key_name = (address.bucket, "", path) if address.bucket else path.partition("/")
    with cloud.lock:
        bucket = s3_backends[cloud.account]["aws"].buckets.get(bucket_name)
        key = bucket.keys.get(key_name) if bucket else None
        if not isinstance(key, FakeKey) or key.size < LARGE_BYTES:
            return None
        with key.lock:
            key._value_buffer.rollover()
            key._value_buffer.flush()
            # A descriptor of its own: the object may be replaced while it is read, and positions are not shared.
            file = os.dup(key._value_buffer.fileno())
        headers = [(name, str(value)) for name, value in key.response_dict.items() if value is not None]
        size = key.size
    return _select(file, size, headers, environ.get("HTTP_RANGE"))


def _select(file: int, size: int, headers: list[tuple[str, str]], wanted: str | None) -> ObjectStream:
    kept = [(name, value) for name, value in headers if name.lower() not in {"content-length", "accept-ranges"}]
    kept.append(("Accept-Ranges", "bytes"))
    found = _RANGE.match(wanted) if wanted else None
    if not found or int(found[1]) >= size:
        return ObjectStream("200 OK", [*kept, ("Content-Length", str(size))], file, 0, size)
    first = int(found[1])
    last = min(int(found[2]) if found[2] else size - 1, size - 1)
    part = [("Content-Range", f"bytes {first}-{last}/{size}"), ("Content-Length", str(last - first + 1))]
    return ObjectStream("206 Partial Content", [*kept, *part], file, first, last - first + 1)
