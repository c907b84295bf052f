"""What a node may do in AWS."""

from collections.abc import Iterable

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from cdk_app.keys import Keys
from cdk_app.nag import acknowledge, acknowledge_wildcard
from cdk_app.node_group import Group
from cdk_app.secrets import RECOVERY_KEYS, Secrets
from cdk_app.storage import Storage
from lambdas.domain import names
from lambdas.domain.config import ServerGroup

AGENT_ACTIONS = (
    "ssm:UpdateInstanceInformation",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
    "ec2messages:AcknowledgeMessage",
    "ec2messages:DeleteMessage",
    "ec2messages:FailMessage",
    "ec2messages:GetEndpoint",
    "ec2messages:GetMessages",
    "ec2messages:SendReply",
)
"""Run Command and Session Manager. AWS's managed policy would also let a node read every parameter of the account."""

WRITE_SECRET = ("secretsmanager:PutSecretValue", "secretsmanager:DescribeSecret")
READ_SECRET = ("secretsmanager:GetSecretValue",)


class NodeRole(Construct):
    """The role of one group's instances."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        group: Group,
        storage: Storage,
        secrets: Secrets,
        keys: Keys,
    ) -> None:
        super().__init__(scope, id)
        self.role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
        self._allow(AGENT_ACTIONS, ["*"])
        bucket = storage.bucket.bucket_arn
        readable_objects = [f"{bucket}/artifacts/*", f"{bucket}/nodes/*"]
        self._allow(["s3:GetObject"], readable_objects)
        self._allow(["ec2:DescribeInstances"], ["*"])  # cloud auto-join; EC2 has no narrower resource for it
        readable = [name for name in names.SECRET_NAMES if _may_read(group, name)]
        self._allow(READ_SECRET, [secrets.arns[name] for name in readable])
        self._allow_through_secrets_manager(keys.data, ["kms:Decrypt"])
        if isinstance(group, ServerGroup):
            self._allow(WRITE_SECRET, [secrets.arns[name] for name in readable])
            self._allow_through_secrets_manager(keys.data, ["kms:GenerateDataKey"])
            if "vault" in group.serves:
                self._allow_vault(secrets, keys)
        reason = "The agent's actions and DescribeInstances have no resource to name"
        acknowledge(self, "AwsSolutions-IAM5[Resource::*]", reason)
        for objects in readable_objects:
            acknowledge_wildcard(self, objects, "Releases, packages and rendered configuration, none of it secret")

    def _allow_vault(self, secrets: Secrets, keys: Keys) -> None:
        """Unseal; and put the recovery keys away, where no node can read them again."""
        self._allow(["kms:Encrypt", "kms:Decrypt", "kms:DescribeKey"], [keys.unseal.key_arn])
        self._allow(WRITE_SECRET, [secrets.arns[RECOVERY_KEYS]])
        self._allow_through_secrets_manager(keys.recovery, ["kms:GenerateDataKey", "kms:Decrypt"])

    def _allow_through_secrets_manager(self, key: kms.IKey, actions: Iterable[str]) -> None:
        region = key.stack.region
        self.role.add_to_policy(
            iam.PolicyStatement(
                actions=list(actions),
                resources=[key.key_arn],
                conditions={"StringEquals": {"kms:ViaService": f"secretsmanager.{region}.amazonaws.com"}},
            )
        )

    def _allow(self, actions: Iterable[str], resources: Iterable[str]) -> None:
        self.role.add_to_policy(iam.PolicyStatement(actions=list(actions), resources=list(resources)))


def _may_read(group: Group, name: str) -> bool:
    """Servers read what any seed may have to recognise as its own work; clients only what an agent starts with."""
    if name == RECOVERY_KEYS:
        return False
    return isinstance(group, ServerGroup) or name == "consul/gossip-key" or name.endswith("-client")
