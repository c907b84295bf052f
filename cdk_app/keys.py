"""KMS keys, one for each thing that may be lost or abused on its own."""

from collections.abc import Sequence
from typing import Any

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from cdk_app.removal import KEPT
from lambdas.domain import names
from lambdas.domain.authorities import standby_of

COLONS = ArnFormat.COLON_RESOURCE_NAME

KEEPING = tuple(
    f"kms:{action}"
    for action in (
        "CancelKeyDeletion",
        "DescribeKey",
        "DisableKey",
        "DisableKeyRotation",
        "EnableKey",
        "EnableKeyRotation",
        "GetKeyPolicy",
        "GetKeyRotationStatus",
        "ListGrants",
        "ListKeyPolicies",
        "ListResourceTags",
        "ListRetirableGrants",
        "PutKeyPolicy",
        "RevokeGrant",
        "ScheduleKeyDeletion",
        "TagResource",
        "UntagResource",
        "UpdateKeyDescription",
    )
)
"""To look after a key without using it, as CloudFormation and administrators do. Not CreateGrant: a grant is a use."""


class Keys(Construct):
    """`authorities` by generation: up to the one that signs, and the one after it, which everybody trusts already."""

    def __init__(self, scope: Construct, id: str, *, cluster: str, ca_generation: int) -> None:
        super().__init__(scope, id)
        self.authorities = {
            generation: self._authority(cluster, generation) for generation in range(1, standby_of(ca_generation) + 1)
        }
        self.unseal = self._symmetric(
            "Unseal", f"Auto-unseal of Vault in Quorate cluster {cluster}: without it, no data"
        )
        self.recovery = self._symmetric(
            "Recovery",
            f"Vault's recovery keys of Quorate cluster {cluster}, and nothing else",
            # The usual policy leaves use of the key to any policy of the account, an administrator's among them.
            policy=iam.PolicyDocument(
                statements=[
                    iam.PolicyStatement(actions=list(KEEPING), resources=["*"], principals=[iam.AccountRootPrincipal()])
                ]
            ),
        )
        self.data = self._symmetric("Data", f"Secrets, records and logs of Quorate cluster {cluster}")
        self._let_logs_be_kept(cluster)

    def through(self, service: str) -> dict[str, Any]:
        """The condition that a service of AWS uses a key for its caller."""
        return {"StringEquals": {"kms:ViaService": f"{service}.{Stack.of(self).region}.amazonaws.com"}}

    def let_recover(self, role: iam.IRole, actions: Sequence[str]) -> None:
        """Let a role use the recovery key: for that key its own policy is not enough."""
        self.recovery.add_to_resource_policy(
            iam.PolicyStatement(
                actions=list(actions),
                resources=["*"],
                principals=[iam.ArnPrincipal(role.role_arn)],
                conditions=self.through("secretsmanager"),
            )
        )

    def _let_logs_be_kept(self, cluster: str) -> None:
        """CloudWatch Logs uses the key in its own name, for these groups (user guide, "Encrypt log data", step 2)."""
        stack = Stack.of(self)
        groups = [
            stack.format_arn(service="logs", resource="log-group", resource_name=name, arn_format=COLONS)
            for name in (names.log_group(cluster, "*"), names.workflow_log_group(cluster))
        ]
        self.data.add_to_resource_policy(
            iam.PolicyStatement(
                actions=["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"],
                resources=["*"],
                principals=[iam.ServicePrincipal(f"logs.{stack.region}.amazonaws.com")],
                conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": groups}},
            )
        )

    def _authority(self, cluster: str, generation: int) -> kms.Key:
        return kms.Key(
            self,
            "Authority" + (str(generation) if generation > 1 else ""),
            description=f"Certificate authority {generation} of Quorate cluster {cluster}",
            key_spec=kms.KeySpec.ECC_NIST_P256,
            key_usage=kms.KeyUsage.SIGN_VERIFY,
            removal_policy=KEPT,
        )

    def _symmetric(self, id: str, description: str, policy: iam.PolicyDocument | None = None) -> kms.Key:
        return kms.Key(self, id, description=description, enable_key_rotation=True, policy=policy, removal_policy=KEPT)
