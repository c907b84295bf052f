"""Where nodes live, and who may connect to what."""

from typing import Any

from cdk_app.network import INTERFACE_ENDPOINTS
from lambdas.domain.components import ports_of, role_of
from lambdas.domain.config import ServerGroup
from tests.infrastructure.template import Template


def test_a_new_vpc_has_no_way_to_the_internet(plain: Template) -> None:
    kinds = {one["Type"] for one in plain.content["Resources"].values()}
    assert not kinds & {"AWS::EC2::InternetGateway", "AWS::EC2::NatGateway", "AWS::EC2::EIP", "AWS::EC2::Route"}


def test_nodes_reach_the_services_they_call(plain: Template) -> None:
    endpoints = [one["Properties"] for one in plain.of("AWS::EC2::VPCEndpoint").values()]
    interfaces = {one["ServiceName"].split(".")[-1] for one in endpoints if one["VpcEndpointType"] == "Interface"}
    gateways = [one for one in endpoints if one["VpcEndpointType"] == "Gateway"]
    assert interfaces == set(INTERFACE_ENDPOINTS)
    assert len(gateways) == 1
    assert len(gateways[0]["RouteTableIds"]) == len(plain.config.zones)


def test_there_is_a_subnet_in_each_zone(plain: Template) -> None:
    zones = {one["Properties"]["AvailabilityZone"] for one in plain.of("AWS::EC2::Subnet").values()}
    assert zones == set(plain.config.zones)


def test_an_existing_vpc_gets_nothing_but_security_groups(templates: dict[str, Template]) -> None:
    template = templates["existing"]
    made = {one["Type"] for one in template.content["Resources"].values() if one["Type"].startswith("AWS::EC2::")}
    assert made == {"AWS::EC2::SecurityGroup", "AWS::EC2::SecurityGroupIngress", "AWS::EC2::LaunchTemplate"}
    for group in template.config.groups:
        subnets = template.autoscaling_group(group.name)["Properties"]["VPCZoneIdentifier"]
        assert subnets == ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]


def test_rules_are_the_ports_of_the_groups_components(template: Template) -> None:
    by_description = {
        one["Properties"]["GroupDescription"]: name for name, one in template.of("AWS::EC2::SecurityGroup").items()
    }
    cluster = template.config.name
    sources = {
        "nodes": by_description[f"Nodes of Quorate cluster {cluster}"],
        "servers": by_description[f"Servers of Quorate cluster {cluster}"],
    }
    for group in template.config.groups:
        own, *memberships = [one["Fn::GetAtt"][0] for one in template.launch_template(group.name)["SecurityGroupIds"]]
        expected = {sources["nodes"], sources["servers"]} if isinstance(group, ServerGroup) else {sources["nodes"]}
        assert set(memberships) == expected
        assert rules_of(template, own) == {
            (port.protocol, port.number, port.last or port.number, sources[port.reach])
            for port in ports_of(role_of(group))
        }


def rules_of(template: Template, security_group: str) -> set[tuple[Any, ...]]:
    rules = [one["Properties"] for one in template.of("AWS::EC2::SecurityGroupIngress").values()]
    return {
        (rule["IpProtocol"], rule["FromPort"], rule["ToPort"], rule["SourceSecurityGroupId"]["Fn::GetAtt"][0])
        for rule in rules
        if rule["GroupId"]["Fn::GetAtt"][0] == security_group
    }


def test_nothing_is_open_to_addresses(template: Template) -> None:
    """Rules name security groups: an address says nothing about who has it."""
    for group in template.of("AWS::EC2::SecurityGroup").values():
        assert "SecurityGroupIngress" not in group["Properties"]
    for rule in template.of("AWS::EC2::SecurityGroupIngress").values():
        assert not {"CidrIp", "CidrIpv6"} & set(rule["Properties"])
