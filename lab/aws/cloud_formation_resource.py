"""What a CloudFormation resource type needs that is made, changed and deleted by API calls."""

import functools
from collections.abc import Mapping
from typing import Any, ClassVar

import boto3

Properties = Mapping[str, Any]


@functools.cache
def _api(service: str, region: str) -> Any:
    return boto3.client(service, region_name=region)


class ApiResource:
    """A resource that is created, changed and deleted by API calls. `ref` is what `Ref` gives.

    moto finds types as *direct* subclasses of CloudFormationModel, so each type names both classes.
    """

    cfn_type: ClassVar[str]
    name_property: ClassVar[str] = ""
    service: ClassVar[str] = ""

    def __init__(self, ref: str, properties: Properties, region: str) -> None:
        self.ref = ref
        self.properties = properties
        self.region = region

    # What a type defines.

    @classmethod
    def create(cls, api: Any, name: str, properties: Properties) -> str:
        """Create the resource and return its `Ref`."""
        return name

    def change(self, api: Any, properties: Properties) -> None:
        """Apply changed properties to the existing resource."""

    def remove(self, api: Any) -> None:
        """Delete the resource."""

    def attributes(self) -> Mapping[str, str]:
        """What `Fn::GetAtt` gives."""
        return {}

    # What moto calls.

    @property
    def physical_resource_id(self) -> str:
        return self.ref

    def get_cfn_attribute(self, name: str) -> str:
        return self.attributes()[name]

    def delete(self, account_id: str, region_name: str) -> None:
        self.remove(self._api(region_name))

    def is_created(self) -> bool:
        return True

    @classmethod
    def has_cfn_attr(cls, attr: str) -> bool:
        return True

    @classmethod
    def cloudformation_type(cls) -> str:
        return cls.cfn_type

    @classmethod
    def cloudformation_name_type(cls) -> str:
        return cls.name_property

    @classmethod
    def _api(cls, region: str) -> Any:
        return _api(cls.service, region) if cls.service else None

    @classmethod
    def create_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str, **more: Any
    ) -> "ApiResource":
        properties = cloudformation_json.get("Properties", {})
        return cls(cls.create(cls._api(region_name), resource_name, properties), properties, region_name)

    @classmethod
    def update_from_cloudformation_json(
        cls,
        original_resource: "ApiResource",
        new_resource_name: str,
        cloudformation_json: Any,
        account_id: str,
        region_name: str,
    ) -> "ApiResource":
        properties = cloudformation_json.get("Properties", {})
        original_resource.change(cls._api(region_name), properties)
        return cls(original_resource.ref, properties, region_name)

    @classmethod
    def delete_from_cloudformation_json(
        cls, resource_name: str, cloudformation_json: Any, account_id: str, region_name: str
    ) -> None:
        raise NotImplementedError("moto deletes instances of resources, not their names")


def numbers(properties: Properties, **kinds: type) -> dict[str, Any]:
    """CloudFormation may give numbers as text; APIs want numbers."""
    return {key: kinds[key](value) if key in kinds else value for key, value in properties.items()}


def without(properties: Properties, *names: str) -> dict[str, Any]:
    return {key: value for key, value in properties.items() if key not in names}
