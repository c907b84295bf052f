"""Vault's first minute: key store tried, initialised once, auth and policies made, the root token revoked."""

from lambdas.domain.component import Component
from lambdas.domain.phases import Phase

VAULT_INIT = Component(
    name="vault_init",
    product="vault",
    takes_part=lambda role: "vault" in role.serves,
    phases={Phase.SECRETS: 120, Phase.BOOTSTRAP: 300},
    keeps_secrets=True,
)
