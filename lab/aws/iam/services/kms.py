"""KMS: keys, for callers themselves and for services that act in their name."""

import base64
from collections.abc import Iterable, Mapping
from typing import Any

from moto.kms.models import Key, kms_backends
from moto.kms.utils import KEY_ID_LEN

from lab.aws.iam.account import Account
from lab.aws.iam.calls import ApiCall
from lab.aws.iam.context import Values
from lab.aws.iam.needs import Need, Row, Rows, anywhere, tagged


def _key(account: Account, key_id: str) -> Key | None:
    backend = account.of(kms_backends)
    known: Key | None = backend.keys.get(key_id.rsplit("/", 1)[-1])
    if known:
        return known
    try:
        found: Key | None = backend.keys.get(backend.any_id_to_key_id(key_id))
    except (AttributeError, TypeError):  # an alias of no key
        return None
    return found


def key_policy(account: Account, arn: str) -> str | None:
    key = _key(account, arn)
    return str(key.policy) if key else None


def _need(
    account: Account, action: str, key_id: str, encryption_context: Mapping[str, str], values: Mapping[str, Values]
) -> Need:
    key = _key(account, key_id)
    arn = key.arn if key else account.arn("kms", f"key/{key_id.rsplit('/', 1)[-1]}")

    def tags() -> dict[str, str]:
        found: dict[str, str] = account.of(kms_backends).tagger.get_tag_dict_for_resource(key.id) if key else {}
        return found

    context: dict[str, Values] = {
        "kms:CallerAccount": account.id,
        "kms:ViaService": None,
        "kms:EncryptionContextKeys": list(encryption_context),
        **values,
    }
    families = {**tagged(tags), "kms:EncryptionContext:": encryption_context}
    return Need(f"kms:{action}", arn, context, families)


def through(
    account: Account, service: str, action: str, key_id: str, encryption_context: Mapping[str, str] | None = None
) -> Need:
    """What a service does with a key for its caller, with the caller's permissions."""
    host = f"{service}.{account.region}.amazonaws.com"
    values: dict[str, Values] = {
        "kms:ViaService": host,
        "aws:ViaAWSService": "true",
        "aws:CalledVia": [f"{service}.amazonaws.com"],
    }
    return _need(account, action, key_id, encryption_context or {}, values)


def _on_key(operation: str, **keys: str) -> Row:
    """`keys` are parameters of the request that are condition keys, too."""

    def row(call: ApiCall, account: Account) -> Iterable[Need]:
        key_id = call.text("KeyId") or _key_of(call.text("CiphertextBlob"))
        values: dict[str, Values] = {f"kms:{parameter}": call.text(parameter) or None for parameter in keys.values()}
        return (_need(account, operation, key_id, call.parameters.get("EncryptionContext") or {}, values),)

    return row


def _key_of(ciphertext: Any) -> str:
    """A ciphertext says itself which key made it; moto's begins with the key's id."""
    return base64.b64decode(ciphertext)[:KEY_ID_LEN].decode(errors="replace")


ROWS: Rows = {
    "Decrypt": _on_key("Decrypt", algorithm="EncryptionAlgorithm"),
    "DescribeKey": _on_key("DescribeKey"),
    "Encrypt": _on_key("Encrypt", algorithm="EncryptionAlgorithm"),
    "GenerateDataKey": _on_key("GenerateDataKey"),
    "GenerateDataKeyWithoutPlaintext": _on_key("GenerateDataKeyWithoutPlaintext"),
    "GenerateRandom": anywhere("kms:GenerateRandom"),
    "GetPublicKey": _on_key("GetPublicKey"),
    "Sign": _on_key("Sign", algorithm="SigningAlgorithm", message="MessageType"),
    "Verify": _on_key("Verify", algorithm="SigningAlgorithm", message="MessageType"),
}
