"""A whole cluster as one construct: `docs/embedding.md` shows it in somebody else's stack."""

from aws_cdk import Duration, Stack, Tags, Token
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct, IDependable

from cdk_app.alarms import Alarms
from cdk_app.break_glass import BreakGlass
from cdk_app.documents import Documents
from cdk_app.functions import Functions
from cdk_app.keys import Keys
from cdk_app.network import Network
from cdk_app.node_group import Group, NodeGroup
from cdk_app.node_role import NodeRole
from cdk_app.parameters import Parameters
from cdk_app.permissions import ROTATION_FLOW, Arns, arns_of
from cdk_app.secrets import Secrets
from cdk_app.security_groups import SecurityGroups
from cdk_app.sessions import Sessions
from cdk_app.storage import Storage
from cdk_app.triggers import Triggers
from cdk_app.workflows import Workflows
from lambdas.domain import names
from lambdas.domain.config import ClusterConfig
from lambdas.domain.errors import InvalidConfig
from lambdas.settings import Settings


class Cluster(Construct):
    """Consul, Vault and Nomad on Auto Scaling groups, and everything that makes their nodes members.

    `vpc` puts the nodes into a network of yours instead of the one that the cluster file describes: into its private
    subnets, or isolated ones where it has no others. `nat_gateways` gives a VPC made here a way to the internet.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        config: ClusterConfig,
        vpc: ec2.IVpc | None = None,
        nat_gateways: int = 0,
    ) -> None:
        super().__init__(scope, id)
        self.config = config
        _check_region(self, config)
        for key, value in config.tags.items():
            Tags.of(self).add(key, value)

        self.keys = Keys(self, "Keys", cluster=config.name, ca_generation=config.ca_generation)
        self.network = Network(
            self, "Network", config=config, vpc=vpc, nat_gateways=nat_gateways, log_key=self.keys.data
        )
        self.security_groups = SecurityGroups(self, "SecurityGroups", config=config, vpc=self.network.vpc)
        self.network.add_endpoints(self.security_groups.nodes)
        self.storage = Storage(self, "Storage", cluster=config.name, data_key=self.keys.data)
        self.secrets = Secrets(
            self, "Secrets", cluster=config.name, data_key=self.keys.data, recovery_key=self.keys.recovery
        )
        self.sessions = Sessions(self, "Sessions", cluster=config.name, data_key=self.keys.data)
        self.alarm_topic = sns.Topic(self, "Alarm", enforce_ssl=True)
        self.dead_letters = sqs.Queue(
            self,
            "DeadLetters",
            encryption=sqs.QueueEncryption.SQS_MANAGED,
            enforce_ssl=True,
            retention_period=Duration.days(14),
        )
        arns = arns_of(self, config, self.storage, self.secrets, self.keys)
        parameters = Parameters(self, "Parameters", config=config)
        documents = Documents(self, "Documents", cluster=config.name)
        functions = Functions(
            self,
            "Functions",
            cluster=config.name,
            settings=self._settings(arns),
            arns=arns,
            dead_letters=self.dead_letters,
            log_key=self.keys.data,
        )
        workflows = Workflows(
            self, "Workflows", cluster=config.name, functions=functions.by_handler, log_key=self.keys.data
        )
        triggers = Triggers(
            self,
            "Triggers",
            config=config,
            machines=workflows.machines,
            complete_command=functions.by_handler["complete_command"],
            fail_formation=functions.by_handler["fail_formation"],
            dead_letters=self.dead_letters,
        )
        Alarms(
            self,
            "Alarms",
            config=config,
            machines=workflows.machines,
            dead_letters=self.dead_letters,
            topic=self.alarm_topic,
        )
        self.break_glass = BreakGlass(self, "BreakGlass", cluster=config.name, secrets=self.secrets, keys=self.keys)
        roles = Construct(self, "Roles")
        self.node_groups = {group.name: self._node_group(group, parameters.config, roles) for group in config.groups}
        parameters.wait_for(
            self.network, self.security_groups, self.secrets, documents, functions, workflows, triggers, roles
        )

    def _settings(self, arns: Arns) -> Settings:
        name = self.config.name
        return Settings(
            cluster_name=name,
            table_name=self.storage.table.table_name,
            bucket_name=self.storage.bucket.bucket_name,
            config_parameter=names.config_parameter(name),
            ca_key_ids=",".join(key.key_id for _, key in sorted(self.keys.authorities.items())),
            unseal_key_id=self.keys.unseal.key_id,
            instances_arn=arns.instances,
            form_cluster_arn=arns.formation,
            node_launch_arn=arns.node_launch,
            node_terminate_arn=arns.node_terminate,
            renew_certificates_arn=arns.renew_certificates,
            rotate_secrets_arn=arns.tended[ROTATION_FLOW],
        )

    def _node_group(self, group: Group, after: IDependable, roles: Construct) -> NodeGroup:
        """A group that is made after `after`, with its role among `roles`."""
        role = NodeRole(
            roles,
            group.name,
            group=group,
            storage=self.storage,
            secrets=self.secrets,
            keys=self.keys,
            sessions=self.sessions,
            seal=self.config.vault.seal,
        )
        made = NodeGroup(
            self,
            f"Group-{group.name}",
            config=self.config,
            group=group,
            subnet_ids=self.network.subnet_ids,
            security_groups=self.security_groups.of(group),
            role=role.role,
        )
        made.autoscaling_group.node.add_dependency(after)
        return made


def _check_region(scope: Construct, config: ClusterConfig) -> None:
    region = Stack.of(scope).region
    if not Token.is_unresolved(region) and region != config.region:
        raise InvalidConfig(
            f"cluster {config.name} is for {config.region} and its stack for {region}: "
            "change region in the cluster file, or the stack's environment"
        )
