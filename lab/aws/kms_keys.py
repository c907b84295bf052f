"""KMS keys from CloudFormation: moto makes a symmetric one whatever the template says, and keeps its policy as a
mapping where its API expects the JSON text."""

import json
from typing import Any

from moto.kms.models import Key, kms_backends

from lab.aws.cloud import Cloud


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

        self._cloud.seams.replace(Key, "create_from_cloudformation_json", classmethod(create))
