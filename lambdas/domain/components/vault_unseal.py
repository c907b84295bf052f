"""Unseals a server of Vault by key shares, where KMS does not: to verify it, and when a sweep finds it sealed."""

from lambdas.domain.component import Component
from lambdas.domain.phases import Phase

VAULT_UNSEAL = Component(
    name="vault_unseal",
    product="vault",
    takes_part=lambda role: "vault" in role.serves,
    in_cluster=lambda config: config.vault.seal == "shamir",
    phases={Phase.VERIFY: 180},
    keeps_secrets=True,
)
