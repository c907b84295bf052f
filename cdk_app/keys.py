"""KMS keys, one for each thing that may be lost or abused on its own."""

from aws_cdk import aws_kms as kms
from constructs import Construct

from cdk_app.removal import KEPT


class Keys(Construct):
    def __init__(self, scope: Construct, id: str, *, cluster: str) -> None:
        super().__init__(scope, id)
        self.authority = kms.Key(
            self,
            "Authority",
            description=f"Certificate authority of Quorate cluster {cluster}",
            key_spec=kms.KeySpec.ECC_NIST_P256,
            key_usage=kms.KeyUsage.SIGN_VERIFY,
            removal_policy=KEPT,
        )
        self.unseal = self._symmetric(
            "Unseal", f"Auto-unseal of Vault in Quorate cluster {cluster}: without it, no data"
        )
        self.recovery = self._symmetric(
            "Recovery", f"Vault's recovery keys of Quorate cluster {cluster}, and nothing else"
        )
        self.data = self._symmetric("Data", f"Secrets and records of Quorate cluster {cluster}")

    def _symmetric(self, id: str, description: str) -> kms.Key:
        return kms.Key(self, id, description=description, enable_key_rotation=True, removal_policy=KEPT)
