"""The role of people who have to open what no part of Quorate may: recovery keys and management tokens.

Anybody of the account whose own policy lets them assume it may; no role of Quorate has such a policy, which a test
holds. Who that is, and by which second factor, is the account's to say: `docs/security.md`.
"""

from aws_cdk import Duration, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdk_app.keys import Keys
from cdk_app.secrets import Secrets
from lambdas.domain import names

LONGEST_SESSION = Duration.hours(1)


class BreakGlass(Construct):
    def __init__(self, scope: Construct, id: str, *, cluster: str, secrets: Secrets, keys: Keys) -> None:
        super().__init__(scope, id)
        self.role = iam.Role(
            self,
            "Role",
            assumed_by=iam.AccountPrincipal(Stack.of(self).account),
            description=f"People in need, of Quorate cluster {cluster}: recovery keys and management tokens",
            max_session_duration=LONGEST_SESSION,
        )
        sealed = [secrets.arns[name] for name in names.SEALED_SECRETS]
        self.role.add_to_policy(iam.PolicyStatement(actions=["secretsmanager:GetSecretValue"], resources=sealed))
        self.role.add_to_policy(
            iam.PolicyStatement(
                actions=["kms:Decrypt"],
                resources=[keys.data.key_arn, keys.recovery.key_arn],
                conditions=keys.through("secretsmanager"),
            )
        )
        keys.let_recover(self.role, ["kms:Decrypt"])
