"""A synthesised template, read the way the tests ask."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from lambdas.domain.config import ClusterConfig

Resource = dict[str, Any]


@dataclass(frozen=True)
class Template:
    config: ClusterConfig
    path: Path

    @cached_property
    def content(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.path.read_text("utf-8"))
        return found

    @cached_property
    def nested(self) -> "Template":
        """The template of the stack inside this one, found as a deployment finds it: the asset that its URL names."""
        _, stack = self.one("AWS::CloudFormation::Stack")
        key = stack["TemplateURL"]["Fn::Join"][1][-1].removeprefix("/")
        assets = json.loads(self.path.with_name(self.path.name.replace(".template.", ".assets.")).read_text("utf-8"))
        (path,) = {
            asset["source"]["path"]
            for asset in assets["files"].values()
            for destination in asset["destinations"].values()
            if destination["objectKey"] == key
        }
        return Template(self.config, self.path.with_name(path))

    def of(self, kind: str) -> dict[str, Resource]:
        """Resources of a type, by logical id; never none, so that no test passes for want of a subject."""
        found = {name: one for name, one in self.content["Resources"].items() if one["Type"] == kind}
        assert found, f"the template of {self.config.name} has no {kind}"
        return found

    def one(self, kind: str, **properties: Any) -> tuple[str, dict[str, Any]]:
        """Logical id and properties of the one resource of that type with those properties."""
        found = [
            (name, resource["Properties"])
            for name, resource in self.of(kind).items()
            if all(resource["Properties"].get(key) == value for key, value in properties.items())
        ]
        assert len(found) == 1, f"{len(found)} of {kind} with {properties}"
        return found[0]

    def statements(self, role: str) -> list[dict[str, Any]]:
        """All policy statements attached to the role of that logical id."""
        return [
            statement
            for policy in self.of("AWS::IAM::Policy").values()
            if {"Ref": role} in policy["Properties"]["Roles"]
            for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        ]

    def role_of_function(self, handler: str) -> str:
        name = f"quorate-{self.config.name}-{handler}"
        _, function = self.one("AWS::Lambda::Function", FunctionName=name)
        return str(function["Role"]["Fn::GetAtt"][0])

    def role_of_group(self, group: str) -> str:
        _, template = self.one("AWS::EC2::LaunchTemplate", **self._launch_template(group))
        profile = template["LaunchTemplateData"]["IamInstanceProfile"]["Arn"]["Fn::GetAtt"][0]
        return str(self.content["Resources"][profile]["Properties"]["Roles"][0]["Ref"])

    def launch_template(self, group: str) -> dict[str, Any]:
        data: dict[str, Any] = self._launch_template(group)["LaunchTemplateData"]
        return data

    def autoscaling_group(self, group: str) -> Resource:
        name, _ = self.one(
            "AWS::AutoScaling::AutoScalingGroup", AutoScalingGroupName=f"quorate-{self.config.name}-{group}"
        )
        resource: Resource = self.content["Resources"][name]
        return resource

    def _launch_template(self, group: str) -> dict[str, Any]:
        reference = self.autoscaling_group(group)["Properties"]["LaunchTemplate"]["LaunchTemplateId"]["Ref"]
        properties: dict[str, Any] = self.content["Resources"][reference]["Properties"]
        return properties


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def actions(statements: list[dict[str, Any]]) -> set[str]:
    return {action for statement in statements for action in as_list(statement["Action"])}
