"""Changing and deleting stacks: moto passes over what it cannot change or delete, and then stumbles over it.

What it cannot delete it is taught here; what it cannot change is refused by name; what a template retains stays.
"""

from collections.abc import Mapping
from typing import Any

from moto.awslambda.models import Permission
from moto.cloudformation import parsing
from moto.cloudformation.exceptions import ValidationError
from moto.cloudformation.models import Stack
from moto.cloudformation.utils import get_stack_from_s3_url
from moto.ec2.models import ec2_backends
from moto.ec2.models.flow_logs import FlowLogs
from moto.ec2.models.route_tables import RouteTable
from moto.ec2.models.security_groups import SecurityGroupIngress
from moto.ec2.models.subnets import SubnetRouteTableAssociation
from moto.ec2.models.vpcs import VPCEndPoint
from moto.utilities.utils import get_partition

from lab.aws.cloud import Cloud

# "RetainExceptOnCreate" deletes only what a failed creation of the stack has made.
RETAINING = frozenset({"Retain", "RetainExceptOnCreate"})


class CloudFormationChanges:
    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def install(self) -> None:
        seams = self._cloud.seams

        def checked(update: Any) -> Any:
            def update_changeable(
                resources: parsing.ResourceMap, template: Mapping[str, Any], *more: Any, **named: Any
            ) -> None:
                refuse_unchangeable(resources, template)
                update(resources, template, *more, **named)

            return update_changeable

        seams.replace(parsing.ResourceMap, "delete", delete_in_reverse)
        seams.replace(Stack, "update_from_cloudformation_json", classmethod(_update_nested))
        seams.wrap(parsing.ResourceMap, "update", checked)
        for kind, delete in {
            FlowLogs: _delete_flow_log,
            Permission: _goes_with_its_function,
            RouteTable: _delete_route_table,
            SecurityGroupIngress: _revoke,
            SubnetRouteTableAssociation: _disassociate,
            VPCEndPoint: _delete_endpoint,
        }.items():
            seams.add(kind, "delete", delete)


def delete_in_reverse(resources: parsing.ResourceMap) -> None:
    """Delete what is not retained, dependents first: a resource was made after those that it refers to."""
    templates = resources._resource_json_map
    for logical_id in reversed([name for name in resources._parsed_resources if name in templates]):
        if templates[logical_id].get("DeletionPolicy") not in RETAINING:
            resource = resources._parsed_resources.pop(logical_id)
            resources._delete_resource(resource, templates[logical_id])


def refuse_unchangeable(resources: parsing.ResourceMap, template: Mapping[str, Any]) -> None:
    """Name the changed resources of types that moto can only create."""
    changed = resources.build_resource_diff(dict(template))["Modify"]
    refused = []
    for logical_id in changed:
        before, after = resources._resource_json_map[logical_id], template["Resources"][logical_id]
        kind = parsing.resource_class_from_type(after["Type"])
        unchangeable = hasattr(kind.update_from_cloudformation_json, "__isabstractmethod__")
        if unchangeable and before.get("Properties") != after.get("Properties"):
            refused.append(f"{logical_id} ({after['Type']})")
    if refused:
        raise ValidationError(
            message=f"The embedded AWS cannot change {', '.join(sorted(refused))}: deploy into a new one."
        )


def _update_nested(
    cls: type,
    original_resource: Any,
    new_resource_name: str,
    cloudformation_json: Any,
    account_id: str,
    region_name: str,
) -> Any:
    """Change what is in the stack; moto deletes it and makes another, and what it holds begins anew."""
    properties = cloudformation_json["Properties"]
    template = get_stack_from_s3_url(properties["TemplateURL"], account_id, get_partition(region_name))
    original_resource.update(template, parameters=properties.get("Parameters", {}))
    return original_resource


def _delete_flow_log(log: Any, account_id: str, region_name: str) -> None:
    ec2_backends[account_id][region_name].delete_flow_logs([log.id])


def _goes_with_its_function(permission: Any, account_id: str, region_name: str) -> None:
    """A permission is part of its function's policy."""


def _delete_route_table(table: Any, account_id: str, region_name: str) -> None:
    ec2_backends[account_id][region_name].delete_route_table(table.id)


def _disassociate(association: Any, account_id: str, region_name: str) -> None:
    key = f"{association.route_table_id}:{association.subnet_id}"
    ec2_backends[account_id][region_name].subnet_associations.pop(key)


def _delete_endpoint(endpoint: Any, account_id: str, region_name: str) -> None:
    ec2_backends[account_id][region_name].delete_vpc_endpoints([endpoint.id])


def _revoke(ingress: Any, account_id: str, region_name: str) -> None:
    properties = ingress.properties
    source = properties.get("SourceSecurityGroupId")
    cidr = properties.get("CidrIp")
    ec2_backends[account_id][region_name].revoke_security_group_ingress(
        group_name_or_id=ingress.security_group.id,
        ip_protocol=properties["IpProtocol"],
        from_port=properties.get("FromPort"),
        to_port=properties.get("ToPort"),
        ip_ranges=[{"CidrIp": cidr, "Description": properties.get("Description")}] if cidr else [],
        source_groups=[{"GroupId": source}] if source else [],
    )
