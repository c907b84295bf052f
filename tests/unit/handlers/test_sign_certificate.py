"""Signing as node_launch asks for it: what is refused is in the journal, and nothing of it is delivered."""

from typing import Any

import pytest

from lambdas.aws.clients import client
from lambdas.domain.errors import BadParameter
from lambdas.handlers import sign_certificate
from lambdas.settings import Settings
from tests.builders import a_node
from tests.unit.domain.test_certificate import NODE_KEY, a_request
from tests.unit.handlers.conftest import Context

REGION = "eu-west-1"


@pytest.fixture
def signing(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """With the authority's key, and the bucket."""
    made = client("kms").create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")
    monkeypatch.setenv("QUORATE_CA_KEY_ID", made["KeyMetadata"]["KeyId"])
    client("s3").create_bucket(Bucket=settings.bucket_name, CreateBucketConfiguration={"LocationConstraint": REGION})
    return settings


def asked(request: str, group: str = "default") -> Any:
    event = {
        "node": a_node(group=group).model_dump(mode="json"),
        "installed": [{"component": "ca", "result": {"certificate_request": request}}],
        "execution": "arn:launch",
    }
    return sign_certificate.handler(event, Context())  # type: ignore[arg-type]


def journal(settings: Settings) -> list[dict[str, Any]]:
    found = client("dynamodb").query(
        TableName=settings.table_name,
        KeyConditionExpression="pk = :pk",
        ExpressionAttributeValues={":pk": {"S": "journal"}},
    )["Items"]
    return [{name: value.get("S") for name, value in item.items()} for item in found]


def delivered(settings: Settings) -> int:
    return int(client("s3").list_objects_v2(Bucket=settings.bucket_name)["KeyCount"])


def test_a_request_is_signed_and_delivered_once(signing: Settings) -> None:
    request = a_request()
    assert asked(request) == asked(request), "the same certificate for the same request"
    assert delivered(signing) == 1
    assert journal(signing) == []


@pytest.mark.parametrize(
    ("request_pem", "reason"),
    [
        (a_request(common_name="server.dc1.consul"), "asks for the name 'server.dc1.consul'"),
        ("no PEM", "cannot be read"),
        ("x" * 20_000, "has 20000 characters"),
    ],
    ids=["a server's name", "garbage", "too long"],
)
def test_a_refusal_is_told_with_its_reason_and_delivers_nothing(
    signing: Settings, request_pem: str, reason: str
) -> None:
    for _ in range(2):
        with pytest.raises(BadParameter, match=reason):
            asked(request_pem)
    [told, again] = journal(signing)
    assert reason in str(told["reason"])
    assert again["reason"] == told["reason"]
    wanted = {"cluster": "demo", "node": "i-00000000000000001", "what": "certificate", "decision": "refuse"}
    assert wanted.items() <= told.items()
    assert told["execution"] == "arn:launch"
    assert delivered(signing) == 0


@pytest.mark.parametrize(
    "installed",
    [
        [],
        [{"component": "consul", "result": {"certificate_request": a_request()}}],
        [{"component": "ca", "result": {}}],
        [{"component": "ca", "result": {"certificate_request": {"pem": a_request()}}}],
        [{"component": "ca", "result": {"certificate_request": None}}],
    ],
    ids=["nothing", "another component's", "no request", "nested", "null"],
)
def test_what_holds_no_request_is_refused_and_told(signing: Settings, installed: list[Any]) -> None:
    event = {"node": a_node().model_dump(mode="json"), "installed": installed, "execution": "arn:launch"}
    with pytest.raises(BadParameter, match="the node returned no certificate request"):
        sign_certificate.handler(event, Context())  # type: ignore[arg-type]
    assert [one["decision"] for one in journal(signing)] == ["refuse"]


def test_the_key_is_taken_from_the_request_and_the_names_are_not(signing: Settings) -> None:
    asked(a_request(NODE_KEY), "servers")
    s3 = client("s3")
    [one] = s3.list_objects_v2(Bucket=signing.bucket_name)["Contents"]
    assert one["Key"].startswith("nodes/i-00000000000000001/ca/")
