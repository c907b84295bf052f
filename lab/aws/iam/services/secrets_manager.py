"""Secrets Manager: secrets, and the keys that it opens and closes them with for its caller."""

from collections.abc import Iterable
from functools import partial
from typing import Any

from moto.secretsmanager.models import secretsmanager_backends

from lab.aws.iam.account import Account, tags_of
from lab.aws.iam.calls import ApiCall
from lab.aws.iam.context import Members, Values
from lab.aws.iam.needs import Need, Row, Rows, anywhere, tagged
from lab.aws.iam.services import kms


def secret_named(account: Account, secret_id: str) -> Any:
    return account.of(secretsmanager_backends).secrets.get(secret_id)


def _tagging(operation: str) -> Row:
    def row(call: ApiCall, account: Account) -> Iterable[Need]:
        [need] = _on_secret(operation)(call, account)
        given = tags_of(call.parameters.get("Tags"))
        keys = list(given) or call.members("TagKeys")
        families: dict[str, Members] = {**need.families, "aws:RequestTag/": given}
        return (Need(need.action, need.resource, {**need.values, "aws:TagKeys": keys}, families),)

    return row


def _on_secret(operation: str, *with_key: str) -> Row:
    """`with_key`: what the service does with the secret's key (Secrets Manager guide, "Secret encryption")."""

    def row(call: ApiCall, account: Account) -> Iterable[Need]:
        secret_id = call.text("SecretId")
        secret = secret_named(account, secret_id)
        named = secret_id if secret_id.startswith("arn:") else account.arn("secretsmanager", f"secret:{secret_id}")
        arn = secret.arn if secret else named
        values: dict[str, Values] = {
            "secretsmanager:SecretId": arn,
            "secretsmanager:VersionId": call.text("VersionId") or None,
            "secretsmanager:VersionStage": call.text("VersionStage") or None,
        }
        families = tagged(partial(tags_of, secret.tags) if secret else {}, "secretsmanager")
        yield Need(f"secretsmanager:{operation}", arn, values, families)
        if secret and secret.kms_key_id:
            for action in with_key:
                yield kms.through(account, "secretsmanager", action, secret.kms_key_id, {"SecretARN": arn})

    return row


ROWS: Rows = {
    "DescribeSecret": _on_secret("DescribeSecret"),
    "GetSecretValue": _on_secret("GetSecretValue", "Decrypt"),
    "ListSecrets": anywhere("secretsmanager:ListSecrets"),
    "ListSecretVersionIds": _on_secret("ListSecretVersionIds"),
    # Decrypt, too: a value is compared with the one that its request token stored before.
    "PutSecretValue": _on_secret("PutSecretValue", "GenerateDataKey", "Decrypt"),
    "TagResource": _tagging("TagResource"),
    "UntagResource": _tagging("UntagResource"),
    "UpdateSecretVersionStage": _on_secret("UpdateSecretVersionStage"),
}
