"""S3 bucket policies: moto takes a statement's word and not its Condition, so "deny without TLS" denied everything."""

import json
from typing import Any

from moto.s3.models import FakeBucket

from lab.aws.cloud import Cloud

WITHOUT_TLS = {"Bool": {"aws:SecureTransport": "false"}}


class BucketPolicies:
    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def install(self) -> None:
        def conditional(get_permission: Any) -> Any:
            def permission(bucket: FakeBucket, action: str, resource: str) -> Any:
                whole = bucket.policy
                if whole is None:
                    return get_permission(bucket, action, resource)
                try:
                    bucket.policy = _that_applies(whole)
                    return get_permission(bucket, action, resource)
                finally:
                    bucket.policy = whole

            return permission

        self._cloud.seams.wrap(FakeBucket, "get_permission", conditional)


def _that_applies(policy: bytes) -> bytes | None:
    """Every caller of the embedded AWS is one that speaks TLS: in-process clients have https endpoints, too."""
    document = json.loads(policy)
    statements = [one for one in document["Statement"] if one.get("Condition") != WITHOUT_TLS]
    return json.dumps(document | {"Statement": statements}).encode() if statements else None
