"""What a node may do in AWS."""

from collections.abc import Iterable, Mapping

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from cdk_app.keys import Keys
from cdk_app.nag import acknowledge, acknowledge_wildcard
from cdk_app.node_group import Group
from cdk_app.secrets import RECOVERY_KEYS, Secrets
from cdk_app.sessions import Sessions
from cdk_app.storage import Storage
from lambdas.domain import names
from lambdas.domain.components import COMPONENTS, role_of
from lambdas.domain.config import Product, Seal, ServerGroup

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

OWN_ARN = "${ec2:SourceInstanceARN}"
"""A policy variable: the ARN of the instance that asks. All instances of a group have one role, and this tells them
apart (IAM user guide, "Variables and tags": present where a request comes with an instance profile's credentials)."""

READ_SECRET = ("secretsmanager:GetSecretValue",)
WRITE_SECRET = ("secretsmanager:PutSecretValue",)

READ_BY_OTHER_SEEDS = {"consul": ("nomad/consul-token-",)}
"""Beginnings of names that a product's seed reads of another's: Consul's makes the tokens that Nomad's agents come
with."""


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
        sessions: Sessions,
        seal: Seal,
    ) -> None:
        super().__init__(scope, id)
        self.role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
        self._allow(AGENT_ACTIONS, ["*"])
        sessions.let_happen_on(self.role)
        bucket = storage.bucket.bucket_arn
        artifacts, deliveries = f"{bucket}/artifacts/*", f"{bucket}/nodes/*"
        self._allow(["s3:GetObject"], [artifacts])
        self._allow(["s3:GetObject"], [deliveries], {f"s3:ExistingObjectTag/{names.NODE_TAG}": OWN_ARN})
        self._allow(["ec2:DescribeInstances"], ["*"])  # cloud auto-join; EC2 has no narrower resource for it
        free = [name for name in names.SECRET_NAMES if name not in names.SEALED_SECRETS]
        self._allow(READ_SECRET, [secrets.arns[name] for name in free if may_read(group, name)])
        self._allow_through(keys, "secretsmanager", keys.data, ["kms:Decrypt"])
        if isinstance(group, ServerGroup):
            written = [name for name in (*free, RECOVERY_KEYS) if may_write(group, name)]
            self._allow(WRITE_SECRET, [secrets.arns[name] for name in written])
            for product in group.serves:
                self._allow_as_seed(product, secrets)
            if any(may_write(group, name) for name in names.SECRET_NAMES if name != RECOVERY_KEYS):
                self._allow_through(keys, "secretsmanager", keys.data, ["kms:GenerateDataKey"])
            self._allow_reading_the_lease(storage, keys)
            if "vault" in group.serves:
                if seal == "awskms":
                    self._allow(["kms:Encrypt", "kms:Decrypt", "kms:DescribeKey"], [keys.unseal.key_arn])
                else:  # the shares that open it, which any of them gives to its own Vault
                    self._allow(
                        READ_SECRET, [secrets.arns[RECOVERY_KEYS]], {"secretsmanager:VersionStage": "AWSCURRENT"}
                    )
                using = ["kms:GenerateDataKey", "kms:Decrypt"]
                self._allow_through(keys, "secretsmanager", keys.recovery, using)
                keys.let_recover(self.role, using)
        reason = "The agent's actions, DescribeLogGroups and DescribeInstances have no resource to name"
        acknowledge(self, "AwsSolutions-IAM5[Resource::*]", reason)
        acknowledge_wildcard(self, artifacts, "Releases and packages, none of them secret")
        acknowledge_wildcard(self, deliveries, "A condition on the object's tag says for which node it is")

    def _allow_as_seed(self, product: Product, secrets: Secrets) -> None:
        """What the seed of a product needs of sealed secrets, while their tags name it: see lambdas/aws/seals.py."""
        tag = {f"aws:ResourceTag/{names.seed_tag(product)}": OWN_ARN}
        opened = [name for name, products in names.SEALED_SECRETS.items() if product in products]
        # Recovery keys are written without it: whoever initialised Vault has the only copy, the seed still or not.
        own = [name for name in opened if name.startswith(f"{product}/") and name != RECOVERY_KEYS]
        if readable := [secrets.arns[name] for name in opened if name != RECOVERY_KEYS]:
            self._allow(READ_SECRET, readable, tag)
        if own:
            self._allow(WRITE_SECRET, [secrets.arns[name] for name in own], tag)
        if RECOVERY_KEYS in opened:  # it sees whose keys are kept, and reads the version that it wrote as a test
            kept = [secrets.arns[RECOVERY_KEYS]]
            self._allow(["secretsmanager:DescribeSecret"], kept, tag)
            self._allow(READ_SECRET, kept, {**tag, "secretsmanager:VersionStage": names.PROBE_LABEL})

    def _allow_reading_the_lease(self, storage: Storage, keys: Keys) -> None:
        """One partition of the records: the others hold task tokens, which would let a node speak for another."""
        self.role.add_to_policy(
            iam.PolicyStatement(
                actions=["dynamodb:GetItem"],
                resources=[storage.table.table_arn],
                conditions={"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["lease"]}},
            )
        )
        self._allow_through(keys, "dynamodb", keys.data, ["kms:Decrypt"])

    def _allow_through(self, keys: Keys, service: str, key: kms.IKey, actions: Iterable[str]) -> None:
        self.role.add_to_policy(
            iam.PolicyStatement(actions=list(actions), resources=[key.key_arn], conditions=keys.through(service))
        )

    def _allow(self, actions: Iterable[str], resources: Iterable[str], equal: Mapping[str, str] | None = None) -> None:
        """`equal`: condition keys, each with the text that it has to have."""
        conditions = {"StringEquals": dict(equal)} if equal else None
        self.role.add_to_policy(
            iam.PolicyStatement(actions=list(actions), resources=list(resources), conditions=conditions)
        )


def may_write(group: Group, name: str) -> bool:
    """Of what is not sealed. A product's secrets are made by its seed, which any of its servers may be."""
    return isinstance(group, ServerGroup) and name.split("/")[0] in group.serves


def may_read(group: Group, name: str) -> bool:
    """Of what is not sealed. A seed recognises its own work by what it reads; every other node reads what its agents
    start with."""
    if may_write(group, name):
        return True
    role = role_of(group)
    if any(name.startswith(READ_BY_OTHER_SEEDS.get(product, ())) for product in role.serves):
        return True
    product = name.split("/")[0]
    is_agents_own = name == "consul/gossip-key" or name.endswith("-client")
    return is_agents_own and any(one.product == product and one.takes_part(role) for one in COMPONENTS)
