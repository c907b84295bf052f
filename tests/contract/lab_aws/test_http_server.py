"""The same AWS from outside: by name, by signature, over TLS, and fast for large objects."""

import http.client
import os
import socket
import ssl
import threading
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

from lab.aws import EmbeddedAws
from lab.aws.endpoints import address
from lab.aws.http_server import AwsServer
from lab.hosts.authority import Authority
from lab.hosts.metadata import access_key_of
from tests.contract.lab_aws.roles import instance, role

BIG = os.urandom(3_000_000)
SIGNED = "AWS4-HMAC-SHA256 Credential=OPERATOR/20260101/eu-west-1/{}/aws4_request, Signature=x"
SIGNED_BY_INSTANCE = SIGNED.replace("OPERATOR", "ASIA0123456789ABCDEF0")
HOST = "files.s3.eu-west-1.amazonaws.com"


@pytest.fixture
def server(aws: EmbeddedAws) -> AwsServer:
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="files", CreateBucketConfiguration={"LocationConstraint": aws.region})
    s3.put_object(Bucket="files", Key="deep/big file.zip", Body=BIG)
    s3.put_object(Bucket="files", Key="small", Body=b"small")
    return aws.serve()


def get(
    server: AwsServer, path: str, host: str = HOST, *, signed: bool = True, **headers: str
) -> tuple[int, bytes, Any]:
    connection = http.client.HTTPConnection(*server.address, timeout=10)
    if signed:
        headers["Authorization"] = SIGNED.format("s3")
    connection.request("GET", path, headers={"Host": host, **headers})
    response = connection.getresponse()
    result = response.status, response.read(), response.headers
    connection.close()
    return result


def test_objects_by_bucket_name_or_path(server: AwsServer) -> None:
    for host, prefix in ((HOST, ""), ("s3.eu-west-1.amazonaws.com", "/files")):
        status, body, headers = get(server, f"{prefix}/deep/big%20file.zip", host)
        assert (status, body == BIG) == (200, True)
        assert headers["Content-Length"] == str(len(BIG))
        assert headers["ETag"]
        assert get(server, f"{prefix}/small", host)[:2] == (200, b"small")
    assert get(server, "/small", "files.s3.dualstack.eu-west-1.amazonaws.com")[:2] == (200, b"small")
    assert get(server, "/missing")[0] == 404


def test_private_objects_need_a_signature(server: AwsServer) -> None:
    for path in ("/small", "/deep/big%20file.zip"):
        assert get(server, path, signed=False)[0] == 403


def test_parts_of_large_objects(server: AwsServer) -> None:
    status, body, headers = get(server, "/deep/big%20file.zip", Range="bytes=10-19")
    assert (status, body) == (206, BIG[10:20])
    assert headers["Content-Range"] == f"bytes 10-19/{len(BIG)}"
    assert get(server, "/deep/big%20file.zip", Range="bytes=2999990-")[1] == BIG[-10:]


def test_every_service_answers_by_its_signature(aws: EmbeddedAws, server: AwsServer) -> None:
    for service, call in (
        ("sts", lambda c: c.get_caller_identity()["Account"] == aws.account),
        ("ec2", lambda c: c.describe_instances()["Reservations"] == []),
        ("kms", lambda c: c.list_keys()["Keys"] == []),
        ("ssm", lambda c: c.describe_instance_information()["InstanceInformationList"] == []),
        ("secretsmanager", lambda c: c.list_secrets()["SecretList"] == []),
        ("dynamodb", lambda c: c.list_tables()["TableNames"] == []),
        ("s3", lambda c: len(c.list_objects_v2(Bucket="files")["Contents"]) == 2),
    ):
        assert call(boto3.client(service, region_name=aws.region, endpoint_url=server.url)), service


def test_presigned_urls_work(aws: EmbeddedAws, server: AwsServer) -> None:
    s3 = boto3.client("s3", region_name=aws.region, config=Config(signature_version="s3v4"))
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "files", "Key": "deep/big file.zip"})
    path = url.partition("amazonaws.com")[2]
    assert get(server, path, signed=False)[1] == BIG


def test_calls_are_counted_for_the_instance_whose_role_signed(aws: EmbeddedAws, server: AwsServer) -> None:
    instance_id = instance(aws, role(aws, "node", (["secretsmanager:ListSecrets"], "*")))
    keys = {"aws_access_key_id": access_key_of(instance_id), "aws_secret_access_key": "x", "aws_session_token": "y"}
    client = boto3.client("secretsmanager", region_name=aws.region, endpoint_url=server.url, **keys)
    client.list_secrets()
    assert aws.calls.by_caller()[f"host:{instance_id}"] == {"secretsmanager:ListSecrets": 1}


def test_tls_under_the_real_names(aws: EmbeddedAws, server: AwsServer, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    secure = aws.serve(tls_certificate=authority.server_pair(aws.region))
    context = ssl.create_default_context(cafile=authority.pair.certificate)
    plain = socket.create_connection(secure.address, timeout=10)
    with plain, context.wrap_socket(plain, server_hostname=HOST) as tls:
        lines = ("GET /small HTTP/1.1", f"Host: {HOST}", f"Authorization: {SIGNED.format('s3')}", "Connection: close")
        tls.sendall("\r\n".join([*lines, "", ""]).encode())
        answer = b"".join(iter(lambda: tls.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.endswith(b"small")


def test_a_client_that_only_connects_holds_up_nobody(server: AwsServer) -> None:
    connection = http.client.HTTPConnection(*server.address, timeout=10)
    connection.connect()
    assert get(server, "/small")[1] == b"small"
    connection.close()


def test_closing_ends_connections_and_threads(aws: EmbeddedAws, server: AwsServer) -> None:
    before = threading.active_count()
    another = aws.serve()
    idle = http.client.HTTPConnection(*another.address, timeout=10)
    idle.request("GET", "/small", headers={"Host": HOST, "Authorization": SIGNED.format("s3")})
    assert idle.getresponse().read() == b"small"
    another.close()
    assert threading.active_count() == before


@pytest.mark.parametrize(
    ("host", "signed_for", "service", "bucket"),
    [
        ("ec2.eu-west-1.api.aws", None, "ec2", None),
        ("ec2.eu-west-1.amazonaws.com:443", "ec2", "ec2", None),
        ("sts.amazonaws.com", None, "sts", None),
        ("123456789012.ddb.eu-west-1.amazonaws.com", "dynamodb", "dynamodb", None),
        ("my.bucket.s3.eu-west-1.amazonaws.com", None, "s3", "my.bucket"),
        ("my-bucket.s3.amazonaws.com", None, "s3", "my-bucket"),
        ("my-bucket.s3.dualstack.eu-west-1.amazonaws.com", None, "s3", "my-bucket"),
        ("127.0.0.1:5000", "kms", "kms", None),
        ("127.0.0.1:5000", None, None, None),
    ],
)
def test_names_and_signatures_say_the_service(
    host: str, signed_for: str | None, service: str | None, bucket: str | None
) -> None:
    environ = {"HTTP_HOST": host}
    if signed_for:
        environ["HTTP_AUTHORIZATION"] = SIGNED_BY_INSTANCE.format(signed_for)
    found = address(environ)
    assert (found.service, found.bucket) == (service, bucket)
    assert found.instance_id == ("i-0123456789abcdef0" if signed_for else None)
