"""Vault's first minute: key store tried, initialised once, auth and policies made, the root token revoked."""

from typing import Any

from lambdas.domain.certificate import vault_server_name
from lambdas.domain.component import Component, FileSet, Surroundings
from lambdas.domain.components.host import CA_FILE
from lambdas.domain.components.workload_identity import keys_policy, vault_objects
from lambdas.domain.config import ClusterConfig
from lambdas.domain.node import Node
from lambdas.domain.phases import Phase

SERVER_ROLE = "quorate-server"
"""Name of the cert auth role, and of its policy: what a server logs in as, with its own certificate."""

SHARES, THRESHOLD = 5, 3
"""Of the keys: how many there are, and how many of them make a root token, or unseal where KMS does not."""

_SERVER_POLICY = """\
path "sys/ha-status" { capabilities = ["read"] }
path "sys/storage/raft/configuration" { capabilities = ["read"] }
path "sys/storage/raft/autopilot/state" { capabilities = ["read"] }
path "sys/storage/raft/autopilot/configuration" { capabilities = ["read", "update"] }
path "sys/storage/raft/remove-peer" { capabilities = ["update"] }
path "sys/step-down" { capabilities = ["update", "sudo"] }
path "sys/generate-root/*" { capabilities = ["create", "read", "update", "delete", "sudo"] }
"""
"""The last line is for people on a server, with recovery keys: Vault 2 wants a token of who asks, before it anybody
could (docs/break-glass.md). Without the keys it makes nothing."""


def _keys(config: ClusterConfig) -> dict[str, Any]:
    """The body that initialises Vault, whose words depend on the seal, and how many keys are needed later."""
    if config.vault.seal == "shamir":
        return {"initialise": {"secret_shares": SHARES, "secret_threshold": THRESHOLD}, "threshold": THRESHOLD}
    pgp_keys = list(config.vault.recovery_pgp_keys)
    if not pgp_keys:
        return {"initialise": {"recovery_shares": SHARES, "recovery_threshold": THRESHOLD}, "threshold": THRESHOLD}
    shares, threshold = len(pgp_keys), len(pgp_keys) // 2 + 1
    body = {"recovery_shares": shares, "recovery_threshold": threshold, "recovery_pgp_keys": pgp_keys}
    return {"initialise": body, "threshold": threshold}


def _bootstrap(config: ClusterConfig, node: Node, surroundings: Surroundings) -> FileSet:
    workloads = vault_objects()
    return FileSet(
        values={
            **_keys(config),
            "audit": {"file": {"type": "file", "options": {"file_path": "/var/log/vault/audit.log"}}},
            "mounts": workloads["mounts"],
            "auth": {
                "cert": {"type": "cert", "description": "Nodes of this cluster, by their certificate"},
                **workloads["auth"],
            },
            "policies": {SERVER_ROLE: _SERVER_POLICY + keys_policy(config), **workloads["policies"]},
            "writes": [
                *workloads["writes"],
                {
                    "path": f"auth/cert/certs/{SERVER_ROLE}",
                    "body": {
                        "allowed_dns_sans": [vault_server_name(config)],
                        "token_policies": [SERVER_ROLE],
                        "token_ttl": "5m",
                        "token_type": "batch",
                    },
                    "from_files": {"certificate": CA_FILE},
                },
                {
                    "path": "sys/storage/raft/autopilot/configuration",
                    "body": {
                        # Peers are removed by whoever sees that the instance is gone; Vault's own clock for it
                        # starts again at each change of leader.
                        "cleanup_dead_servers": False,
                        "min_quorum": config.voters("vault"),
                        # Servers join as non-voters, also while forming: 10 s, the default, is a third of formation.
                        # `verify` waits for the vote, and a replacement is a voter before its predecessor leaves.
                        "server_stabilization_time": "1s",
                    },
                    "from_files": {},
                },
            ],
        }
    )


VAULT_INIT = Component(
    name="vault_init",
    product="vault",
    takes_part=lambda role: "vault" in role.serves,
    phases={Phase.SECRETS: 120, Phase.BOOTSTRAP: 300},
    renders={Phase.BOOTSTRAP: _bootstrap},
    keeps_secrets=True,
)
