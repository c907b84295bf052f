"""Sealed secrets: open to the seeds of the last attempt until one has formed the cluster, and then to nobody."""

from collections.abc import Callable

import boto3
import pytest

from lambdas.aws import formation_record, seals
from lambdas.domain import names
from lambdas.domain.formation import readers_of_sealed
from lambdas.handlers import complete_formation, fail_formation
from lambdas.settings import Settings
from tests.builders import a_node
from tests.unit.handlers.conftest import Context

MINE, NEXT = (
    "arn:aws:states:eu-west-1:123456789012:execution:form:1",
    "arn:aws:states:eu-west-1:123456789012:execution:form:2",
)
FAILED = {"Error": "NodeFailed", "Cause": "no disk"}


@pytest.fixture
def readers(settings: Settings) -> Callable[[], dict[str, str]]:
    """Tags of all sealed secrets; an attempt runs, and its only server is the seed of everything."""
    client = boto3.client("secretsmanager", "eu-west-1")
    prefix = names.secrets_prefix(settings.cluster_name)
    for name in names.SEALED_SECRETS:
        client.create_secret(Name=prefix + name, Tags=[{"Key": "team", "Value": "ours"}])
    formation_record.claim(settings.table_name, execution=MINE, attempt=1)
    seals.open_to(settings, readers_of_sealed([a_node()]))

    def read() -> dict[str, str]:
        found = {}
        for name in names.SEALED_SECRETS:
            tags = client.describe_secret(SecretId=prefix + name)["Tags"]
            assert {"Key": "team", "Value": "ours"} in tags
            found |= {f"{name} {one['Key']}": one["Value"] for one in tags if one["Key"] != "team"}
        return found

    return read


def test_they_are_open_to_the_seeds_by_their_arns(readers: Callable[[], dict[str, str]]) -> None:
    seed = f"arn:aws:ec2:eu-west-1:123456789012:instance/{a_node().instance_id}"
    assert readers() == {
        "consul/management-token quorate:seed:consul": seed,
        "consul/management-token quorate:seed:nomad": seed,
        "nomad/management-token quorate:seed:nomad": seed,
        "vault/recovery-keys quorate:seed:vault": seed,
    }


def test_an_attempt_that_forms_the_cluster_seals_them(readers: Callable[[], dict[str, str]]) -> None:
    complete_formation.handler({"execution": MINE}, Context())
    assert readers() == {}


def test_an_attempt_that_fails_leaves_them_open_to_what_its_seed_still_does(
    readers: Callable[[], dict[str, str]],
) -> None:
    """Its commands go on and the next attempt adopts them: one may hold recovery keys that are stored nowhere yet."""
    before = readers()
    fail_formation.handler({"execution": MINE, "failure": FAILED}, Context())
    assert readers() == before


def test_one_that_ended_between_the_record_and_the_seals_seals_them(
    readers: Callable[[], dict[str, str]], settings: Settings
) -> None:
    formation_record.conclude(settings.table_name, execution=MINE, status="formed", reason="")
    fail_formation.handler({"execution": MINE, "failure": FAILED}, Context())
    assert readers() == {}


def test_the_end_of_an_attempt_before_leaves_them_open_to_the_next(
    readers: Callable[[], dict[str, str]], settings: Settings
) -> None:
    formation_record.claim(settings.table_name, execution=NEXT, attempt=2)
    before = readers()
    fail_formation.handler({"execution": MINE, "failure": FAILED}, Context())
    assert readers() == before
