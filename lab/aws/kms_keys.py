"""KMS keys: from a template moto makes a symmetric one whatever that says, and keeps its policy as a mapping where its
API expects the JSON text. It gives a symmetric key an RSA pair too, which took a third of a deployment.
"""

import json
from typing import Any

import moto.kms.models
from moto.core.exceptions import JsonRESTError
from moto.kms.models import Key, kms_backends
from moto.kms.utils import AbstractPrivateKey, KeySpec

from lab.aws.cloud import Cloud

SYMMETRIC = (KeySpec.SYMMETRIC_DEFAULT.value, *KeySpec.hmac_key_specs())


class NoPair(AbstractPrivateKey):
    """What a key has of a pair that has none: nothing can be signed or read with it."""

    def sign(self, message: bytes, signing_algorithm: str) -> bytes:
        raise _unsupported()

    def verify(self, message: bytes, signature: bytes, signing_algorithm: str) -> bool:
        raise _unsupported()

    def public_key(self) -> bytes:
        raise _unsupported()


class KmsKeys:
    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def install(self) -> None:
        def create(
            cls: type[Key],
            resource_name: str,
            cloudformation_json: dict[str, Any],
            account_id: str,
            region_name: str,
            **more: Any,
        ) -> Key:
            properties = cloudformation_json["Properties"]
            key = kms_backends[account_id][region_name].create_key(
                policy=json.dumps(properties["KeyPolicy"]),
                key_usage=properties.get("KeyUsage", "ENCRYPT_DECRYPT"),
                key_spec=properties.get("KeySpec", "SYMMETRIC_DEFAULT"),
                description=properties.get("Description", ""),
                tags=properties.get("Tags", []),
            )
            key.key_rotation_status = properties.get("EnableKeyRotation", False)
            return key

        def unless_symmetric(generate: Any) -> Any:
            return lambda key_spec: NoPair() if key_spec in SYMMETRIC else generate(key_spec)

        seams = self._cloud.seams
        seams.replace(Key, "create_from_cloudformation_json", classmethod(create))
        seams.wrap(moto.kms.models, "generate_private_key", unless_symmetric)


def _unsupported() -> JsonRESTError:
    return JsonRESTError("UnsupportedOperationException", "The key has no pair: its key spec is not asymmetric.")
