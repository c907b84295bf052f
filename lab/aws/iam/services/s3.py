"""S3: objects, the bucket, and the key that objects are encrypted with."""

from collections.abc import Iterable
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

from moto.s3.models import FakeBucket, s3_backends

from lab.aws.iam.account import Account
from lab.aws.iam.calls import ApiCall
from lab.aws.iam.context import Values
from lab.aws.iam.needs import Need, Row, Rows
from lab.aws.iam.services import kms


def bucket_named(account: Account, name: str) -> FakeBucket | None:
    found: FakeBucket | None = s3_backends[account.id]["aws"].buckets.get(name)
    return found


def _on_bucket(action: str) -> Row:
    def row(call: ApiCall, account: Account) -> Iterable[Need]:
        values = {f"s3:{key}": call.parameters.get(key) for key in ("prefix", "delimiter", "max-keys")}
        return (Need(f"s3:{action}", f"arn:aws:s3:::{call.text('Bucket')}", values),)

    return row


def _on_object(action: str) -> Row:
    def row(call: ApiCall, account: Account) -> Iterable[Need]:
        version = "Version" if call.text("versionid") else ""
        yield Need(
            f"s3:{action}{version}", _arn(call), families={"s3:ExistingObjectTag/": partial(_tags, account, call)}
        )

    return row


def _tags(account: Account, call: ApiCall) -> dict[str, str]:
    """Of the object that is there."""
    backend = s3_backends[account.id]["aws"]
    bucket = bucket_named(account, call.text("Bucket"))
    stored = bucket.keys.get(call.text("Key")) if bucket else None
    found: dict[str, str] = backend.tagger.get_tag_dict_for_resource(stored.arn) if stored else {}
    return found


def _read(call: ApiCall, account: Account) -> Iterable[Need]:
    yield from _on_object("GetObject")(call, account)
    bucket = bucket_named(account, call.text("Bucket"))
    stored = bucket.keys.get(call.text("Key")) if bucket else None
    if bucket and stored is None:
        # Whoever may not list gets AccessDenied for an object that is not there (S3 API reference, GetObject).
        yield from _on_bucket("ListBucket")(call, account)
    elif getattr(stored, "encryption", None) == "aws:kms":
        yield _through_key(account, call, "Decrypt", stored.kms_key_id)


def _write(call: ApiCall, account: Account) -> Iterable[Need]:
    given = dict(parse_qsl(call.text("Tagging")))
    tags: dict[str, Values] = {"s3:RequestObjectTagKeys": list(given)}
    for action in ("PutObject", "PutObjectTagging") if given else ("PutObject",):
        yield Need(f"s3:{action}", _arn(call), tags, {"s3:RequestObjectTag/": given})
    bucket = bucket_named(account, call.text("Bucket"))
    key_id = _default_key(bucket.encryption if bucket else None)
    if key_id:
        yield _through_key(account, call, "GenerateDataKey", key_id)


def _through_key(account: Account, call: ApiCall, action: str, key_id: Any) -> Need:
    return kms.through(account, "s3", action, str(key_id or "alias/aws/s3"), {"aws:s3:arn": _arn(call)})


def _default_key(encryption: dict[str, Any] | None) -> str | None:
    rules = (encryption or {}).get("Rule") or []
    for rule in rules if isinstance(rules, list) else [rules]:
        default = rule.get("ApplyServerSideEncryptionByDefault") or {}
        if default.get("SSEAlgorithm") == "aws:kms":
            return str(default.get("KMSMasterKeyID") or "alias/aws/s3")
    return None


def _arn(call: ApiCall) -> str:
    return f"arn:aws:s3:::{call.text('Bucket')}/{call.text('Key')}"


ROWS: Rows = {
    "GetObject": _read,
    "HeadObject": _read,
    "PutObject": _write,
    "CreateMultipartUpload": _write,
    "UploadPart": _write,
    "CompleteMultipartUpload": _write,
    "AbortMultipartUpload": _on_object("AbortMultipartUpload"),
    "DeleteObject": _on_object("DeleteObject"),
    "GetBucketLocation": _on_bucket("GetBucketLocation"),
    "HeadBucket": _on_bucket("ListBucket"),
    "ListObjects": _on_bucket("ListBucket"),
}
