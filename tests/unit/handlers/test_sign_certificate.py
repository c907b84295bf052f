"""Signing as node_launch asks for it: what is refused is in the journal, and nothing of it is delivered."""

import json
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from lambdas.aws.clients import client
from lambdas.domain.errors import BadParameter
from lambdas.handlers import sign_certificate
from lambdas.settings import Settings
from tests.builders import a_config, a_node
from tests.unit.domain.test_certificate import NODE_KEY, a_request
from tests.unit.handlers.conftest import Context

REGION = "eu-west-1"


@pytest.fixture
def signing(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """With the authority's key, and the bucket."""
    kms = client("kms")
    made = [kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["KeyId"] for _ in range(3)]
    monkeypatch.setenv("QUORATE_CA_KEY_IDS", ",".join(made))
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


def files_of(signing: Settings, answer: dict[str, Any]) -> dict[str, str]:
    found = client("s3").get_object(Bucket=signing.bucket_name, Key=answer["delivery"]["key"])
    return {one["path"].rsplit("/", 1)[1]: one["content"] for one in json.loads(found["Body"].read())["files"]}


def test_the_next_authority_is_trusted_before_it_signs_and_the_last_one_after_it(signing: Settings) -> None:
    before = asked(a_request())
    config = a_config(ca_generation=2)
    client("ssm").put_parameter(
        Name=signing.config_parameter, Value=config.model_dump_json(), Type="String", Overwrite=True
    )
    after = asked(a_request(ec.generate_private_key(ec.SECP256R1())))
    assert [before["issued"]["authority"], after["issued"]["authority"]] == [1, 2]
    bundles = []
    for answer in (before, after):
        files = files_of(signing, answer)
        authorities = x509.load_pem_x509_certificates(files["ca.pem"].encode())
        node = x509.load_pem_x509_certificate(files["node.pem"].encode())
        node.verify_directly_issued_by(authorities[0])
        bundles.append([one.subject.rfc4514_string() for one in authorities])
    first, second, third = "CN=Quorate demo authority", "CN=Quorate demo authority 2", "CN=Quorate demo authority 3"
    assert bundles == [[first, second], [second, first, third]]


def test_the_key_is_taken_from_the_request_and_the_names_are_not(signing: Settings) -> None:
    asked(a_request(NODE_KEY), "servers")
    s3 = client("s3")
    [one] = s3.list_objects_v2(Bucket=signing.bucket_name)["Contents"]
    assert one["Key"].startswith("nodes/i-00000000000000001/ca/")
