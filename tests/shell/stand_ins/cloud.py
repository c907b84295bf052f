"""S3, Secrets Manager, DynamoDB and KMS over TLS on loopback: moto behind a gate that checks every signature.

Tests fill it and look into it as an operator would, but without a network between: they share the process with it.
"""

import functools
import hashlib
import json
import time
from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

import boto3
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from moto.core import DEFAULT_ACCOUNT_ID
from moto.core.models import botocore_stubber
from moto.dynamodb.models import dynamodb_backends
from moto.s3.models import S3Backend, s3_backends
from moto.secretsmanager.exceptions import (
    ResourceNotFoundException,
    SecretHasNoValueException,
    SecretNotFoundException,
)
from moto.secretsmanager.models import SecretsManagerBackend, secretsmanager_backends
from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

from tests.shell.stand_ins.authority import Authority
from tests.shell.stand_ins.serving import end, serve

REGION = "eu-west-1"
BUCKET = "quorate-test-bucket"
TABLE = "quorate-test-records"
NAMES = [f"*.{REGION}.amazonaws.com", f"*.s3.{REGION}.amazonaws.com", "127.0.0.1"]

Answer = tuple[str, bytes]


class Cloud:
    """`refuse` may answer instead of moto: a test puts throttling and outages there."""

    def __init__(self, authority: Authority, credentials: dict[str, str]) -> None:
        self.credentials = credentials
        self._moto = _moto()
        self.requests: list[str] = []
        self.bad_signatures: list[str] = []
        self.refuse: Callable[[str], Answer | None] = lambda what: None
        self.done: Callable[[str], object] = lambda what: None
        """Called when a request has been worked off and its answer is not out yet."""
        certificate, key = authority.issue_files("aws", NAMES)
        self._server = make_server("127.0.0.1", 0, self._gate, threaded=True, ssl_context=(str(certificate), str(key)))
        self.port: int = self._server.server_port
        serve(self._server)
        botocore_stubber.enabled = True

    def client(self, service: str) -> Any:
        return _client(service)

    def make_bucket(self) -> None:
        _objects().create_bucket(BUCKET, REGION)

    def put_object(self, key: str, content: bytes) -> dict[str, str]:
        """Key and SHA-256, as documents name them."""
        _objects().put_object(BUCKET, key, content)
        return {"Key": key, "Sha256": hashlib.sha256(content).hexdigest()}

    def put_file_set(
        self, files: Iterable[dict[str, str]] = (), values: dict[str, Any] | None = None
    ) -> dict[str, str]:
        """A file set in the bucket, as the two parameters that name it."""
        content = json.dumps({"files": list(files), "values": values or {}}).encode()
        put = self.put_object(f"nodes/i-0/{hashlib.sha256(content).hexdigest()}.json", content)
        return {f"Configuration{key}": value for key, value in put.items()}

    def make_secrets(self, prefix: str, names: Iterable[str]) -> None:
        """Empty, as the stack makes them."""
        for name in names:
            _secrets().create_secret(prefix + name, *[None] * 6, replica_regions=[], force_overwrite=False)

    def secret(self, name: str, label: str = "AWSCURRENT") -> str | None:
        try:
            return str(_secrets().get_secret_value(name, None, label)["SecretString"])
        except (ResourceNotFoundException, SecretHasNoValueException, SecretNotFoundException):
            return None

    def overwrite_secret(self, name: str, value: str) -> None:
        """As an operator may, and nobody else should."""
        _secrets().put_secret_value(name, value, None, None, ["AWSCURRENT"])

    def forget_secrets(self, prefix: str, names: Iterable[str]) -> None:
        """As if they had been made and never filled."""
        names = list(names)
        for name in names:
            self.client("secretsmanager").delete_secret(SecretId=prefix + name, ForceDeleteWithoutRecovery=True)
        self.make_secrets(prefix, names)

    def hold_lease(self, *, fencing: int = 7, seconds: float = 300, owner: str | None = "an execution") -> None:
        """The membership lease as `lambdas.aws.lease` writes it."""
        records = dynamodb_backends[DEFAULT_ACCOUNT_ID][REGION]
        if TABLE not in records.tables:
            keys = {"pk": "HASH", "sk": "RANGE"}
            schema = [{"AttributeName": name, "KeyType": kind} for name, kind in keys.items()]
            attributes = [{"AttributeName": name, "AttributeType": "S"} for name in keys]
            unset = ("throughput", "global_indexes", "indexes", "streams", "sse_specification")
            unset += ("deletion_protection_enabled", "warm_throughput")
            records.create_table(
                TABLE, schema, attr=attributes, billing_mode="PAY_PER_REQUEST", tags=[], **dict.fromkeys(unset)
            )
        item = {
            "pk": {"S": "lease"},
            "sk": {"S": "membership"},
            "owner": {"S": owner} if owner else {"NULL": True},
            "fencing": {"N": str(fencing)},
            "held_until": {"N": f"{time.time() + seconds:.6f}"},
        }
        records.put_item(TABLE, item)

    def close(self) -> None:
        botocore_stubber.enabled = False
        end(self._server)

    def _gate(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        if "curl" in environ.get("HTTP_USER_AGENT", ""):
            body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            environ["wsgi.input"] = BytesIO(body)
            what = environ.get("HTTP_X_AMZ_TARGET", "") or f"{environ['REQUEST_METHOD']} {environ['PATH_INFO']}"
            self.requests.append(what)
            if not self._signature_holds(environ, body):
                self.bad_signatures.append(what)
                start("403 Forbidden", [("content-type", "application/json")])
                return [b'{"__type":"SignatureDoesNotMatch"}']
            if refusal := self.refuse(what):
                start(refusal[0], [("content-type", "application/json")])
                return [refusal[1]]
            answer = list(self._moto(environ, start))
            self.done(what)
            return answer
        return self._moto(environ, start)

    def _signature_holds(self, environ: dict[str, Any], body: bytes) -> bool:
        """Recompute, from nothing but what arrived and the secret, what the Authorization header has to be."""
        authorization = environ.get("HTTP_AUTHORIZATION", "")
        fields = dict(part.strip().split("=", 1) for part in authorization.partition(" ")[2].split(",") if "=" in part)
        if not {"Credential", "SignedHeaders", "Signature"} <= fields.keys():
            return False
        access_key, _, region, service, _ = fields["Credential"].split("/")
        signed = fields["SignedHeaders"].split(";")
        if not {"host", "x-amz-date", "x-amz-security-token"} <= set(signed):
            return False
        headers = {name: _header(environ, name) for name in signed}
        request = AWSRequest(
            method=environ["REQUEST_METHOD"],
            url=f"https://{environ['HTTP_HOST']}{environ['PATH_INFO']}",
            headers=headers,
            data=body,
        )
        request.context["timestamp"] = environ["HTTP_X_AMZ_DATE"]
        signer_class = S3SigV4Auth if service == "s3" else SigV4Auth
        signer = signer_class(Credentials(access_key, self.credentials["SecretAccessKey"]), service, region)
        canonical = signer.canonical_request(request)
        expected = signer.signature(signer.string_to_sign(request, canonical), request)
        return expected == fields["Signature"] and _header(environ, "x-amz-security-token") == self.credentials["Token"]


@functools.cache
def _client(service: str) -> Any:
    """For the life of the process: making one takes longer than all its calls in a test."""
    return boto3.client(service, region_name=REGION, aws_access_key_id="operator", aws_secret_access_key="operator")


@functools.cache
def _moto() -> DomainDispatcherApplication:
    """The web servers' part of moto, which has no state but what it has loaded."""
    return DomainDispatcherApplication(create_backend_app)


# moto's own, for what every test fills: a call of a client takes some milliseconds.


def _secrets() -> SecretsManagerBackend:
    return secretsmanager_backends[DEFAULT_ACCOUNT_ID][REGION]


def _objects() -> S3Backend:
    return s3_backends[DEFAULT_ACCOUNT_ID]["aws"]


def _header(environ: dict[str, Any], name: str) -> str:
    key = name.upper().replace("-", "_")
    return environ.get(key if key == "CONTENT_TYPE" else f"HTTP_{key}", "")
