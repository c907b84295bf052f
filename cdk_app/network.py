"""Where nodes live: a new VPC without a way to the internet, or an existing one by ids."""

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from constructs import Construct

from cdk_app.log_group import log_group
from lambdas.domain import names
from lambdas.domain.config import ClusterConfig, ExistingVpc, NewVpc

INTERFACE_ENDPOINTS = ("ssm", "ssmmessages", "secretsmanager", "kms", "ec2", "logs")
"""What nodes call: the agent's two, secrets, Vault's unseal, cloud auto-join, logs of sessions. See
docs/decisions/0010."""


class Network(Construct):
    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        config: ClusterConfig,
        vpc: ec2.IVpc | None,
        nat_gateways: int,
        log_key: kms.IKey,
    ) -> None:
        super().__init__(scope, id)
        self._log_key = log_key
        self.made_here = vpc is None and isinstance(config.network, NewVpc)
        if vpc is not None:
            self.vpc = vpc
        elif isinstance(config.network, ExistingVpc):
            self.vpc = self._existing(config.network)
        else:
            self.vpc = self._new(config, config.network, nat_gateways)
        self.subnet_ids = self.vpc.select_subnets(subnets=self._subnets()).subnet_ids

    def _subnets(self) -> list[ec2.ISubnet]:
        """Subnets with a way out where there are any, otherwise those without."""
        return self.vpc.private_subnets or self.vpc.isolated_subnets

    def _existing(self, network: ExistingVpc) -> ec2.IVpc:
        return ec2.Vpc.from_vpc_attributes(
            self,
            "Vpc",
            vpc_id=network.vpc_id,
            vpc_cidr_block=str(network.cidr),
            availability_zones=list(network.availability_zones),
            private_subnet_ids=list(network.subnet_ids),
        )

    def _new(self, config: ClusterConfig, network: NewVpc, nat_gateways: int) -> ec2.IVpc:
        nodes = ec2.SubnetConfiguration(
            name="Nodes",
            subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS if nat_gateways else ec2.SubnetType.PRIVATE_ISOLATED,
        )
        ways_out = ec2.SubnetConfiguration(
            name="Nat", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=28, map_public_ip_on_launch=False
        )
        vpc = ec2.Vpc(
            self,
            "Vpc",
            ip_addresses=ec2.IpAddresses.cidr(str(network.cidr)),
            availability_zones=list(config.zones),
            nat_gateways=nat_gateways,
            subnet_configuration=[nodes, ways_out] if nat_gateways else [nodes],
            restrict_default_security_group=False,  # would need a custom resource; nothing uses that group
            gateway_endpoints={
                "S3": ec2.GatewayVpcEndpointOptions(service=ec2.GatewayVpcEndpointAwsService.S3),
            },
        )
        vpc.add_flow_log(
            "Rejected",
            destination=ec2.FlowLogDestination.to_cloud_watch_logs(
                log_group(
                    self, "RejectedTraffic", name=names.log_group(config.name, "rejected-traffic"), key=self._log_key
                )
            ),
            traffic_type=ec2.FlowLogTrafficType.REJECT,
        )
        return vpc

    def add_endpoints(self, nodes: ec2.ISecurityGroup) -> None:
        """Private ways to the AWS services that `nodes` call, in a VPC made here; an existing one has its own."""
        if not self.made_here:
            return
        callers = ec2.SecurityGroup(
            self, "EndpointSecurityGroup", vpc=self.vpc, description="Calls of nodes to AWS", allow_all_outbound=False
        )
        callers.add_ingress_rule(nodes, ec2.Port.tcp(443), "nodes")
        for service in INTERFACE_ENDPOINTS:
            self.vpc.add_interface_endpoint(
                service,
                service=ec2.InterfaceVpcEndpointAwsService(service),
                security_groups=[callers],
                open=False,
                subnets=ec2.SubnetSelection(subnets=self._subnets()),
            )
