"""Which service a request from outside is for: what its signature says, else what its Host header says."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from lab.hosts.metadata import instance_of

_SCOPE = re.compile(r"Credential=(?P<key>[^/]+)/\d{8}/(?P<region>[^/]+)/(?P<service>[^/]+)/aws4_request")

# Names of AWS's endpoints in their other spellings, and the spelling that moto knows.
_SPELLINGS = (
    (re.compile(r"^(.*\.)?s3\.dualstack\.([^.]+)\.amazonaws\.com$"), r"\1s3.\2.amazonaws.com"),
    (re.compile(r"^\d+\.ddb\.([^.]+)\.amazonaws\.com$"), r"dynamodb.\1.amazonaws.com"),
    (re.compile(r"^([^.]+)\.([^.]+)\.api\.aws$"), r"\1.\2.amazonaws.com"),
)
_BUCKET = re.compile(r"^(?P<bucket>.+)\.s3(\.[^.]+)?\.amazonaws\.com$")
_SERVICE = re.compile(r"^(?P<service>[^.]+)(\.[^.]+)?\.amazonaws\.com$")


def bucket_of(host: str) -> str | None:
    """The bucket that a host name is of, in S3's virtual-hosted style."""
    found = _BUCKET.match(host)
    return found["bucket"] if found else None


@dataclass(frozen=True)
class Address:
    """Where a request wants to go: `bucket` is set for S3's virtual-hosted style."""

    host: str
    service: str | None
    access_key: str | None
    bucket: str | None = None

    @property
    def instance_id(self) -> str | None:
        """The instance whose role credentials signed the request."""
        return instance_of(self.access_key) if self.access_key else None


def address(environ: Mapping[str, str]) -> Address:
    """Read a WSGI request's Host, Authorization and (for presigned URLs) query."""
    host = environ.get("HTTP_HOST", "").partition(":")[0].lower()
    for spelling, known in _SPELLINGS:
        host = spelling.sub(known, host)
    presigned = environ.get("QUERY_STRING", "").replace("X-Amz-Credential=", "Credential=").replace("%2F", "/")
    scope = _SCOPE.search(environ.get("HTTP_AUTHORIZATION", "")) or _SCOPE.search(presigned)
    bucket = _BUCKET.match(host)
    named = _SERVICE.match(host)
    by_host = "s3" if bucket else named["service"] if named else None
    return Address(
        host=host,
        service=scope["service"] if scope else by_host,
        access_key=scope["key"] if scope else None,
        bucket=bucket["bucket"] if bucket else None,
    )
