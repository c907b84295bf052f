"""Vault servers with integrated storage, unsealed by KMS."""

from lambdas.domain.component import Component, Port
from lambdas.domain.phases import Phase

VAULT = Component(
    name="vault",
    product="vault",
    takes_part=lambda role: "vault" in role.serves,
    phases={
        Phase.INSTALL: 600,
        Phase.CONFIGURE: 120,
        Phase.START: 180,
        Phase.VERIFY: 300,
        Phase.LEAVE: 300,
    },
    ports=(
        Port(8200, "tcp", on="servers", reach="nodes", purpose="Vault HTTPS API and Raft join"),
        Port(8201, "tcp", on="servers", reach="servers", purpose="Vault Raft and request forwarding"),
    ),
    artifact="vault",
)
