"""Who may connect to what: each group's rules come from the ports of the components on it."""

from aws_cdk import aws_ec2 as ec2
from constructs import Construct

from cdk_app.node_group import Group
from lambdas.domain.component import Port
from lambdas.domain.components import ports_of, role_of
from lambdas.domain.config import ClusterConfig, ServerGroup


class SecurityGroups(Construct):
    """`nodes` and `servers` say what an instance is and carry no rule; a group's own names them as sources."""

    def __init__(self, scope: Construct, id: str, *, config: ClusterConfig, vpc: ec2.IVpc) -> None:
        super().__init__(scope, id)
        self._vpc = vpc
        cluster = config.name
        self.nodes = self._security_group("Nodes", f"Nodes of Quorate cluster {cluster}")
        self.servers = self._security_group("Servers", f"Servers of Quorate cluster {cluster}")
        self._own = {group.name: self._with_rules(cluster, group) for group in config.groups}

    def of(self, group: Group) -> list[ec2.ISecurityGroup]:
        """The security groups of the group's instances, its own first."""
        memberships = [self.nodes, self.servers] if isinstance(group, ServerGroup) else [self.nodes]
        return [self._own[group.name], *memberships]

    def _with_rules(self, cluster: str, group: Group) -> ec2.SecurityGroup:
        own = self._security_group(f"Group-{group.name}", f"Ports of group {group.name} of Quorate cluster {cluster}")
        for port in ports_of(role_of(group)):
            source = self.nodes if port.reach == "nodes" else self.servers
            own.add_ingress_rule(source, _range(port), port.purpose)
        return own

    def _security_group(self, id: str, description: str) -> ec2.SecurityGroup:
        return ec2.SecurityGroup(self, id, vpc=self._vpc, description=description)


def _range(port: Port) -> ec2.Port:
    last = port.last or port.number
    return ec2.Port.tcp_range(port.number, last) if port.protocol == "tcp" else ec2.Port.udp_range(port.number, last)
