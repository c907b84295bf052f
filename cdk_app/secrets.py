"""The cluster's secrets, made empty: the seed fills each once, in formation."""

from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from cdk_app.nag import acknowledge
from cdk_app.removal import KEPT
from lambdas.domain import names

RECOVERY_KEYS = "vault/recovery-keys"


class Secrets(Construct):
    """`arns` by name, as `names.SECRET_NAMES` has them."""

    def __init__(self, scope: Construct, id: str, *, cluster: str, data_key: kms.IKey, recovery_key: kms.IKey) -> None:
        super().__init__(scope, id)
        self.arns: dict[str, str] = {}
        for name in names.SECRET_NAMES:
            secret = secretsmanager.CfnSecret(
                self,
                name.replace("/", "-"),
                name=names.secrets_prefix(cluster) + name,
                description=f"Quorate cluster {cluster}: {name.replace('/', ' ')}",
                kms_key_id=(recovery_key if name == RECOVERY_KEYS else data_key).key_arn,
            )
            secret.apply_removal_policy(KEPT)
            self.arns[name] = secret.ref
        acknowledge(
            self,
            "AwsSolutions-SMG4",
            "Written once by formation; rotating a gossip key or token changes the live cluster, not the secret alone",
        )
