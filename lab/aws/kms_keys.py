"""KMS keys from CloudFormation: moto makes a symmetric one whatever the template says."""

from typing import Any

from moto.kms.models import Key, kms_backends

from lab.aws.cloud import Cloud


class KmsKeys:
    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def install(self) -> None:
        make_symmetric = Key.create_from_cloudformation_json

        def create(
            cls: type[Key],
            resource_name: str,
            cloudformation_json: dict[str, Any],
            account_id: str,
            region_name: str,
            **more: Any,
        ) -> Key:
            properties = cloudformation_json["Properties"]
            if "KeySpec" not in properties:
                return make_symmetric(resource_name, cloudformation_json, account_id, region_name, **more)
            return kms_backends[account_id][region_name].create_key(
                policy=properties["KeyPolicy"],
                key_usage=properties.get("KeyUsage", "ENCRYPT_DECRYPT"),
                key_spec=properties["KeySpec"],
                description=properties.get("Description", ""),
                tags=properties.get("Tags", []),
            )

        self._cloud.seams.replace(Key, "create_from_cloudformation_json", classmethod(create))
