"""How files of a node are written, whatever the product: places, JSON, systemd units, cloud auto-join."""

import json
from typing import Any

from lambdas.domain.component import File
from lambdas.domain.config import ClusterConfig, Product
from lambdas.domain.names import serves_tag
from lambdas.domain.phases import Phase

TLS_DIRECTORY = "/etc/quorate/tls"
CA_FILE = f"{TLS_DIRECTORY}/ca.pem"
CERTIFICATE_FILE = f"{TLS_DIRECTORY}/node.pem"
KEY_FILE = f"{TLS_DIRECTORY}/node.key"

TLS_FILES = {"ca_file": CA_FILE, "cert_file": CERTIFICATE_FILE, "key_file": KEY_FILE}
"""As Consul and Nomad spell them."""

MEMBERSHIP = {Phase.HAND_OVER: 120, Phase.LEAVE: 120, Phase.REMOVE: 120}
"""Seconds of what a goodbye changes, the same for each product. A lease outlasts delivery, script and answer
(`membership.lease.LEASE_SECONDS`), so a change may take no longer than this."""

RELOAD_SECONDS = 120
"""Of a reload, which takes one: the rest is patience with a busy host."""

ROTATION = {Phase.REKEY: 120, Phase.REISSUE: 120, Phase.ADOPT: 120}
"""Seconds of what a rotation runs. It does under the lease too, so no longer than a change of membership."""

JOIN_RETRY_SECONDS = 5
"""Between attempts to find servers: the products' 30 seconds would be most of a formation."""


def autopilot(voters: int) -> dict[str, Any]:
    """Autopilot of Consul and Nomad promotes, and removes nobody: gossip cannot tell a server that is gone from one
    that is cut off, EC2 can (docs/decisions/0013). `min_quorum` holds should somebody turn the cleanup on. Both are
    read at a cluster's first election only, then kept in Raft."""
    return {"cleanup_dead_servers": False, "min_quorum": voters}


def cloud_join(config: ClusterConfig, product: Product) -> str:
    """go-discover's words for "the running instances that serve `product` in this cluster".

    Its lexer splits at spaces, equals signs, quotes and backslashes only, so a tag key with colons needs no quotes.
    """
    return (
        f"provider=aws region={config.region} addr_type=private_v4"
        f" tag_key={serves_tag(product)} tag_value={config.name}"
    )


def product_file(product: Product, content: dict[str, Any], *, group: str) -> File:
    """`/etc/<product>.d/<product>.json`, beside which the node writes its secrets.json."""
    return File(
        path=f"/etc/{product}.d/{product}.json",
        group=group,
        content=json.dumps(content, indent=2, sort_keys=True) + "\n",
    )


def unit_file(
    product: Product,
    *,
    description: str,
    command: str,
    user: str,
    after: tuple[str, ...] = (),
    service: dict[str, str] | None = None,
) -> File:
    """A systemd unit with what the three products have in common; `service` adds to it or replaces.

    Starts are not limited: a server that cannot join yet has to be still trying when the others arrive.
    `KillMode=process` leaves tasks and their executors alone when an agent restarts.
    """
    settings = {
        "Type": "notify",
        "User": user,
        "Group": user,
        "ExecStart": command,
        "ExecReload": "/bin/kill --signal HUP $MAINPID",
        "StateDirectory": product,
        "StateDirectoryMode": "0700",
        "KillMode": "process",
        "Restart": "on-failure",
        "RestartSec": "2",
        "TimeoutStartSec": "150",
        "LimitNOFILE": "65536",
        "LimitCORE": "0",
    } | (service or {})
    lines = [
        "[Unit]",
        f"Description={description}",
        "Wants=network-online.target",
        f"After={' '.join(('network-online.target', *after))}",
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        *(f"{key}={value}" for key, value in settings.items()),
        "",
        "[Install]",
        "WantedBy=multi-user.target",
    ]
    return File(path=f"/etc/systemd/system/{product}.service", mode="0644", content="\n".join(lines) + "\n")


CONFINED = {
    "NoNewPrivileges": "yes",
    "ProtectSystem": "full",
    "ProtectHome": "yes",
    "PrivateTmp": "yes",
}
"""For services that need nothing of the host but the network and their own state."""
