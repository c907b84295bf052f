"""CloudFormation: more resource types, and a clear refusal of those that nobody simulates.

moto only warns about a type it does not know and deploys the rest, so that a missing resource shows as a puzzle later.
"""

import functools
import json
from collections.abc import Mapping
from typing import Any

from moto.cloudformation import parsing
from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import Stack
from moto.s3.models import s3_backends
from moto.ssm.models import Document
from moto.stepfunctions.models import StateMachine

from lab.aws import cloud_formation_types  # noqa: F401 - its classes are found as subclasses
from lab.aws.cloud import Cloud
from lab.aws.json_copies import copied


class CloudFormation:
    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def install(self) -> None:
        seams = self._cloud.seams
        for lookup in (parsing.get_model_list, parsing.get_model_map, parsing.get_name_type_map):
            lookup.cache_clear()
            seams.on_undo(lookup.cache_clear)

        def checked(action: Any) -> Any:
            def act(resources: parsing.ResourceMap, template: Mapping[str, Any], *more: Any, **named: Any) -> Any:
                refuse_unsupported(template)
                return action(resources, template, *more, **named)

            return act

        def json_first(parse_template: Any) -> Any:
            def parse(template: str) -> Any:
                # JSON is YAML, but moto's reader of YAML takes a second for what a CDK application synthesises.
                is_json = template.lstrip().startswith("{")
                return copied(read_template(template)) if is_json else parse_template(template)

            return staticmethod(parse)

        seams.wrap(Stack, "parse_template", json_first)
        seams.wrap(parsing.ResourceMap, "create", checked)
        seams.wrap(parsing.ResourceMap, "update", checked)
        for kind, read in ((StateMachine, self._state_machine), (Document, _document)):
            for method in ("create_from_cloudformation_json", "update_from_cloudformation_json"):
                self._preprocess(kind, method, read)

    def _preprocess(self, kind: type, method: str, read: Any) -> None:
        """Let `read` complete the properties before moto sees them."""
        original = getattr(kind, method)

        def adapted(cls: type, *arguments: Any, **named: Any) -> Any:
            positional = list(arguments)
            for index, argument in enumerate(positional):
                if isinstance(argument, dict) and "Properties" in argument:
                    positional[index] = read(argument)
            if "cloudformation_json" in named:
                named["cloudformation_json"] = read(named["cloudformation_json"])
            return original(*positional, **named)

        self._cloud.seams.replace(kind, method, classmethod(adapted))

    def _state_machine(self, resource: dict[str, Any]) -> dict[str, Any]:
        """The definition from wherever it is, with its substitutions made."""
        resource = copied(resource)
        properties = resource["Properties"]
        if location := properties.pop("DefinitionS3Location", None):
            bucket = s3_backends[self._cloud.account]["aws"].get_bucket(location["Bucket"])
            properties["DefinitionString"] = bucket.keys[location["Key"]].value.decode()
        definition = properties.pop("Definition", None)
        if definition is not None:
            properties["DefinitionString"] = json.dumps(definition)
        for name, value in (properties.pop("DefinitionSubstitutions", None) or {}).items():
            properties["DefinitionString"] = properties["DefinitionString"].replace(f"${{{name}}}", str(value))
        return resource


def refuse_unsupported(template: Mapping[str, Any]) -> None:
    """Name every resource of a type that the embedded AWS does not have."""
    known = parsing.get_model_map()
    unknown = [
        f"{logical_id} ({resource['Type']})"
        for logical_id, resource in template["Resources"].items()
        if resource["Type"] not in known and not resource["Type"].startswith("Custom::")
    ]
    if unknown:
        raise ValidationError(
            message=f"The embedded AWS has no resource type for: {', '.join(sorted(unknown))}. "
            "Add it to lab/aws/cloud_formation_types.py."
        )


@functools.lru_cache(maxsize=32)
def read_template(text: str) -> Any:
    """For looking at only: a process deploys the same few again and again, and reads each once."""
    return json.loads(text)


def _document(resource: dict[str, Any]) -> dict[str, Any]:
    resource = copied(resource)
    properties = resource["Properties"]
    if not isinstance(properties["Content"], str):
        properties["Content"] = json.dumps(properties["Content"])
    properties.setdefault("DocumentFormat", "JSON")
    properties.setdefault("DocumentType", "Command")
    return resource
