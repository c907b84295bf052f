"""Vault servers with integrated storage, unsealed by KMS or by key shares."""

from typing import Any

from lambdas.domain.certificate import vault_server_name
from lambdas.domain.component import Component, FileSet, Port, Surroundings
from lambdas.domain.components.host import (
    CA_FILE,
    CERTIFICATE_FILE,
    CONFINED,
    KEY_FILE,
    MEMBERSHIP,
    RELOAD_SECONDS,
    cloud_join,
    product_file,
    unit_file,
)
from lambdas.domain.config import ClusterConfig
from lambdas.domain.node import Node
from lambdas.domain.phases import Phase


def _configure(config: ClusterConfig, node: Node, surroundings: Surroundings) -> FileSet:
    return FileSet(
        files=(
            product_file("vault", _server(config, node, surroundings.kms_key_id), group="vault"),
            unit_file(
                "vault",
                description="Vault server",
                command="/usr/local/bin/vault server -config=/etc/vault.d",
                user="vault",
                service={**CONFINED, "LogsDirectory": "vault", "LogsDirectoryMode": "0750"},
            ),
        )
    )


def _server(config: ClusterConfig, node: Node, kms_key_id: str) -> dict[str, Any]:
    """No `bootstrap_expect` here: a server that nobody initialises waits to join one that somebody did."""
    return {
        "cluster_name": config.name,
        "api_addr": f"https://{node.private_ip}:8200",
        "cluster_addr": f"https://{node.private_ip}:8201",
        "listener": [
            {
                "tcp": {
                    "address": "0.0.0.0:8200",
                    "cluster_address": "0.0.0.0:8201",
                    "tls_cert_file": CERTIFICATE_FILE,
                    "tls_key_file": KEY_FILE,
                    "tls_min_version": "tls12",
                }
            }
        ],
        "storage": {
            "raft": {
                "path": "/var/lib/vault",
                # For ever unique: a node id that returns after remove-peer stays removed (vault#31732).
                "node_id": node.instance_id,
                # The default of 5 adds seven to eight seconds to initialisation.
                "performance_multiplier": "1",
                "retry_join": [
                    {
                        "auto_join": cloud_join(config, "vault"),
                        "auto_join_scheme": "https",
                        # Discovery yields addresses; this name is in every Vault server's certificate.
                        "leader_tls_servername": vault_server_name(config),
                        "leader_ca_cert_file": CA_FILE,
                        "leader_client_cert_file": CERTIFICATE_FILE,
                        "leader_client_key_file": KEY_FILE,
                    }
                ],
            }
        },
        "seal": {"shamir": {}}
        if config.vault.seal == "shamir"
        else {"awskms": {"region": config.region, "kms_key_id": kms_key_id}},
        # Integrated storage is memory-mapped: locking it could take all memory (Vault's own advice).
        "disable_mlock": True,
        "ui": True,
    }


VAULT = Component(
    name="vault",
    product="vault",
    takes_part=lambda role: "vault" in role.serves,
    phases={
        Phase.INSTALL: 600,
        Phase.CONFIGURE: 120,
        Phase.START: 180,
        Phase.VERIFY: 300,
        **MEMBERSHIP,
        Phase.RELOAD: RELOAD_SECONDS,
    },
    ports=(
        Port(8200, "tcp", on="servers", reach="nodes", purpose="Vault HTTPS API and Raft join"),
        Port(8201, "tcp", on="servers", reach="servers", purpose="Vault Raft and request forwarding"),
    ),
    renders={Phase.CONFIGURE: _configure},
    artifact="vault",
)
