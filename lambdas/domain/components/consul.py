"""Consul: a server where it is served, a client agent on every other node."""

from typing import Any

from lambdas.domain.component import Component, File, FileSet, Port, Surroundings
from lambdas.domain.components.consul_access import access
from lambdas.domain.components.host import (
    CONFINED,
    JOIN_RETRY_SECONDS,
    MEMBERSHIP,
    RELOAD_SECONDS,
    ROTATION,
    TLS_FILES,
    autopilot,
    cloud_join,
    product_file,
    unit_file,
)
from lambdas.domain.config import ClusterConfig
from lambdas.domain.node import Node
from lambdas.domain.phases import Phase


def _configure(config: ClusterConfig, node: Node, surroundings: Surroundings) -> FileSet:
    kind = CONSUL.kind(node)
    content = _agent(config, node)
    if kind == "server":
        content |= _server(config, founding=surroundings.founding)
    token = f"consul/agent-token-{kind}"
    if "vault" in node.serves:
        content["services"] = [_vault(node)]
    return FileSet(
        files=(
            product_file("consul", content, group="consul"),
            unit_file(
                "consul",
                description="Consul agent",
                command="/usr/local/bin/consul agent -config-dir=/etc/consul.d",
                user="consul",
                service=CONFINED,
            ),
            File(path="/etc/systemd/resolved.conf.d/consul.conf", mode="0644", content=_NAMES),
        ),
        values={
            "keyring": {"secret": "consul/gossip-key", "path": "/var/lib/consul/serf/local.keyring", "owner": "consul"},
            "secrets": [
                {"path": ["acl", "tokens", "agent"], "secret": token},
                # DNS has no way to carry a token. No `default` token: HTTP without one would be let in.
                {"path": ["acl", "tokens", "dns"], "secret": token},
                {"path": ["acl", "tokens", "config_file_service_registration"], "secret": token},
            ],
        },
    )


_NAMES = """\
[Resolve]
DNS=127.0.0.1:8600
Domains=~consul
DNSSEC=no
"""
"""systemd-resolved asks this node's agent for names below `consul`, and the VPC's resolver for the rest. Consul signs
none."""


def _vault(node: Node) -> dict[str, Any]:
    """Vault's server on this node, as a service that Consul's DNS names while it is unsealed: a standby forwards.

    Asked at the address that others use, where nothing listens while Vault is made (docs/decisions/0017). Whose
    certificate it shows is for those to judge who connect; the check only asks how it is.
    """
    return {
        "name": "vault",
        "port": 8200,
        "checks": [
            {
                "name": "Vault is unsealed",
                "http": f"https://{node.private_ip}:8200/v1/sys/health?standbyok=true",
                "tls_skip_verify": True,
                "interval": "5s",
                "timeout": "3s",
            }
        ],
    }


def _agent(config: ClusterConfig, node: Node) -> dict[str, Any]:
    """What servers and clients have in common."""
    return {
        "server": False,
        "node_name": node.instance_id,
        "datacenter": config.datacenter,
        "data_dir": "/var/lib/consul",
        "bind_addr": node.private_ip,
        "client_addr": f"127.0.0.1 {node.private_ip}",
        "ports": {"http": -1, "https": 8501, "grpc": -1, "grpc_tls": 8503, "serf_wan": -1},
        "retry_join": [cloud_join(config, "consul")],
        "retry_interval": f"{JOIN_RETRY_SECONDS}s",
        "acl": {
            "enabled": True,
            "default_policy": "deny",
            "down_policy": "extend-cache",
            "enable_token_persistence": False,
        },
        "tls": {
            "defaults": {**TLS_FILES, "verify_outgoing": True, "verify_incoming": False},
            "internal_rpc": {"verify_incoming": True, "verify_server_hostname": True},
        },
        # A stop is not a leave: the phase `leave` says goodbye, on a client by SIGINT, which needs no token.
        "leave_on_terminate": False,
        "disable_update_check": True,
    }


def _server(config: ClusterConfig, *, founding: bool) -> dict[str, Any]:
    voters = config.voters("consul")
    return {
        "server": True,
        "skip_leave_on_interrupt": True,
        "performance": {"raft_multiplier": 1},
        "autopilot": autopilot(voters),
        "ui_config": {"enabled": True},
    } | ({"bootstrap_expect": voters} if founding else {})


def _bootstrap(config: ClusterConfig, node: Node, surroundings: Surroundings) -> FileSet:
    return FileSet(values=access(config.name))


CONSUL = Component(
    name="consul",
    product="consul",
    takes_part=lambda role: True,
    phases={
        Phase.INSTALL: 600,
        Phase.SECRETS: 120,
        Phase.CONFIGURE: 120,
        Phase.START: 180,
        Phase.BOOTSTRAP: 300,
        Phase.VERIFY: 300,
        **MEMBERSHIP,
        Phase.RELOAD: RELOAD_SECONDS,
        **ROTATION,
    },
    ports=(
        Port(8300, "tcp", on="servers", reach="nodes", purpose="Consul RPC and Raft"),
        Port(8301, "tcp", on="nodes", reach="nodes", purpose="Consul gossip"),
        Port(8301, "udp", on="nodes", reach="nodes", purpose="Consul gossip"),
        Port(8501, "tcp", on="servers", reach="nodes", purpose="Consul HTTPS API"),
        Port(8503, "tcp", on="servers", reach="nodes", purpose="Consul gRPC"),
    ),
    renders={Phase.CONFIGURE: _configure, Phase.BOOTSTRAP: _bootstrap},
    artifact="consul",
    keeps_secrets=True,
)
