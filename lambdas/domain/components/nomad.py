"""Nomad: a server where it is served, a client in client pools."""

from typing import Any

from lambdas.domain.certificate import service_name
from lambdas.domain.component import Component, FileSet, Port, Surroundings
from lambdas.domain.components.host import (
    CA_FILE,
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
from lambdas.domain.components.introduction import ENFORCEMENT, RULES, TOKEN, introduces
from lambdas.domain.components.workload_identity import (
    CONSUL_AUDIENCE,
    VAULT_AUTH,
    VAULT_IDENTITY,
    consul_objects,
)
from lambdas.domain.config import ClusterConfig
from lambdas.domain.node import Node
from lambdas.domain.phases import Phase

PAUSE_IMAGE = "quorate/pause:1"
"""Not `latest`: Nomad takes any other tag from the host's own images and pulls nothing."""

_OTHER_CLOUDS = "env_azure,env_digitalocean,env_gce"
"""Fingerprints that would ask EC2's metadata address for another cloud's answers, and wait."""

_RULES = {
    "quorate-server": 'agent { policy = "read" }\nnode { policy = "read" }\noperator { policy = "read" }\n',
    "quorate-client": 'agent { policy = "read" }\nnode { policy = "read" }\n',
    **RULES,
}

TOKENS: tuple[dict[str, Any], ...] = (
    *(
        {
            "secret": f"nomad/operator-token-{kind}",
            "body": {"Name": f"quorate-{kind}", "Type": "client", "Policies": [f"quorate-{kind}"]},
        }
        for kind in ("server", "client")
    ),
    # No policy can allow what a change of Raft takes (nomad/operator_endpoint.go: IsManagement). A token of its own, so
    # that it can be revoked, and known in Nomad's audit, apart from the bootstrap's.
    {"secret": "nomad/membership-token", "body": {"Name": "quorate-membership", "Type": "management"}},
    TOKEN,
)
"""Nomad's own that nodes use: the secret that each is stored in, and its body without the id that Nomad chooses."""

_SERVICE = {"TasksMax": "infinity", "LimitNPROC": "infinity", "OOMScoreAdjust": "-1000"}

_CONSUL_FIRST = (
    "-/usr/bin/timeout 60 /bin/sh -c 'until"
    f" curl --silent --fail --cacert {CA_FILE} https://127.0.0.1:8501/v1/status/leader | grep --quiet :;"
    " do sleep 0.2; done'"
)
"""A client that starts before its Consul agent has servers finds no Consul, and says so to the scheduler for up to
20 seconds. After a minute it starts without: allocations that need no Consul can run."""


def _configure(config: ClusterConfig, node: Node, surroundings: Surroundings) -> FileSet:
    kind = NOMAD.kind(node)
    content = _agent(config, node)
    values: dict[str, Any] = {
        "secrets": [{"path": ["consul", "token"], "secret": f"nomad/consul-token-{kind}"}],
    }
    if kind == "server":
        content |= _server(config, founding=surroundings.founding)
        content["consul"] |= {
            "server_auto_join": False,
            "service_identity": {"aud": [CONSUL_AUDIENCE], "ttl": "1h"},
            "task_identity": {"aud": [CONSUL_AUDIENCE], "ttl": "1h"},
        }
        content["vault"] |= {"default_identity": VAULT_IDENTITY}
        values["keyring"] = {
            "secret": "nomad/gossip-key",
            "path": "/var/lib/nomad/server/serf.keyring",
            "owner": "nomad",
        }
    else:
        content |= _client(config, node)
    user = "nomad" if kind == "server" else "root"  # task drivers need root
    return FileSet(
        files=(
            product_file("nomad", content, group=user),
            unit_file(
                "nomad",
                description=f"Nomad {kind}",
                command="/usr/local/bin/nomad agent -config=/etc/nomad.d",
                user=user,
                after=("consul.service", "docker.service"),
                service=_SERVICE if kind == "server" else {**_SERVICE, "ExecStartPre": _CONSUL_FIRST},
            ),
        ),
        values=values,
    )


def _agent(config: ClusterConfig, node: Node) -> dict[str, Any]:
    """What servers and clients have in common."""
    return {
        "name": node.instance_id,
        "region": config.nomad_region,
        "datacenter": node.datacenter,
        "data_dir": "/var/lib/nomad",
        "bind_addr": "0.0.0.0",  # noqa: S104 the security group says who may connect
        "advertise": {"http": node.private_ip, "rpc": node.private_ip, "serf": node.private_ip},
        "acl": {"enabled": True},
        "tls": {
            **TLS_FILES,
            "http": True,
            "rpc": True,
            "verify_server_hostname": True,
            # Consul and Vault fetch the keys of workload identities without a client certificate.
            "verify_https_client": False,
        },
        "consul": {**TLS_FILES, "address": "127.0.0.1:8501", "ssl": True},
        "vault": {
            "enabled": True,
            # Whichever servers there are by now: this configuration outlives each of them.
            "address": f"https://{service_name('vault')}:8200",
            "ca_file": CA_FILE,
            "jwt_auth_backend_path": VAULT_AUTH,
        },
        "leave_on_interrupt": False,
        "leave_on_terminate": False,
        "disable_update_check": True,
    }


def _join(config: ClusterConfig) -> dict[str, Any]:
    return {"retry_join": [cloud_join(config, "nomad")], "retry_interval": f"{JOIN_RETRY_SECONDS}s"}


def _server(config: ClusterConfig, *, founding: bool) -> dict[str, Any]:
    voters = config.voters("nomad")
    return {
        "server": {"enabled": True, "server_join": _join(config)}
        | ({"bootstrap_expect": voters} if founding else {})
        | (ENFORCEMENT if introduces(config) else {}),
        "autopilot": autopilot(voters),
        "ui": {"enabled": True},
    }


def _client(config: ClusterConfig, node: Node) -> dict[str, Any]:
    plugins: dict[str, Any] = {}
    if "docker" in node.drivers:
        plugins["docker"] = {
            "config": {
                "allow_privileged": False,
                "volumes": {"enabled": False},
                "infra_image": PAUSE_IMAGE,
                # Image collection also takes the pause image, by force, three minutes after the last allocation
                # that used it (drivers/docker/coordinator.go), and no registry could bring it back.
                "gc": {"image": False},
                "extra_labels": ["job_name", "task_group_name", "task_name", "node_name"],
            }
        }
    if "raw_exec" in node.drivers:
        plugins["raw_exec"] = {"config": {"enabled": True}}
    return {
        "client": {
            "enabled": True,
            "node_pool": node.node_pool,
            "server_join": _join(config),
            "cni_path": "/opt/cni/bin",
            "network_interface": _interface_of(node.private_ip),
            "meta": {"quorate_group": node.group},
            "options": {"driver.allowlist": ",".join(node.drivers), "fingerprint.denylist": _OTHER_CLOUDS},
        }
    } | ({"plugin": plugins} if plugins else {})


def _interface_of(address: str) -> str:
    """go-sockaddr's words for the interface that has `address`, whatever bridges the host has or gets."""
    exactly = "^" + address.replace(".", "[.]") + "(/|$)"
    return f'{{{{ GetAllInterfaces | include "address" "{exactly}" | attr "name" }}}}'


def _bootstrap(config: ClusterConfig, node: Node, surroundings: Surroundings) -> FileSet:
    return FileSet(
        values={
            "management_secret": "nomad/management-token",
            "policies": {
                name: {"Name": name, "Description": f"Quorate: {name}", "Rules": rules}
                for name, rules in _RULES.items()
            },
            "tokens": list(TOKENS),
            "consul": consul_objects(config),
        }
    )


NOMAD = Component(
    name="nomad",
    product="nomad",
    takes_part=lambda role: role.kind == "client" or "nomad" in role.serves,
    phases={
        Phase.INSTALL: 600,
        Phase.SECRETS: 120,
        Phase.CONFIGURE: 120,
        Phase.INTRODUCE: 60,
        Phase.START: 180,
        Phase.BOOTSTRAP: 300,
        Phase.VERIFY: 300,
        Phase.DRAIN: 60,
        **MEMBERSHIP,
        Phase.RELOAD: RELOAD_SECONDS,
        **ROTATION,
    },
    ports=(
        Port(4646, "tcp", on="servers", reach="nodes", purpose="Nomad HTTPS API and workload identity keys"),
        Port(4647, "tcp", on="servers", reach="nodes", purpose="Nomad RPC and Raft"),
        Port(4648, "tcp", on="servers", reach="servers", purpose="Nomad gossip"),
        Port(4648, "udp", on="servers", reach="servers", purpose="Nomad gossip"),
        Port(20000, "tcp", on="clients", reach="nodes", purpose="Allocations' dynamic ports", last=32000),
    ),
    renders={Phase.CONFIGURE: _configure, Phase.BOOTSTRAP: _bootstrap},
    artifact="nomad",
    keeps_secrets=True,
)
