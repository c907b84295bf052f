"""Nomad's client introduction: a node that the servers do not know registers with what a server said of it, or not at
all (nomad/node_endpoint.go, newRegistrationAllowed)."""

from typing import Any

from lambdas.domain.certificate import names_for
from lambdas.domain.component import FileSet
from lambdas.domain.config import ClusterConfig
from lambdas.domain.node import Node

SINCE = (1, 11, 0)
"""Of Nomad: older servers end at a key of their configuration that they do not know."""

LASTS_MINUTES = 10
"""From its making, beside the node's `configure`, until the client's Nomad registers: that takes seconds, and with a
repetition of each step that may be repeated some minutes."""

_LASTS = f"{LASTS_MINUTES}m"
ENFORCEMENT: dict[str, Any] = {
    "client_introduction": {"enforcement": "strict", "default_identity_ttl": _LASTS, "max_identity_ttl": _LASTS}
}
"""Of a server's configuration. The longest life is the usual one: nobody makes lasting introductions."""

TOKEN = {
    "secret": "nomad/introduction-token",
    "body": {"Name": "quorate-introduction", "Type": "client", "Policies": ["quorate-introduction"]},
}
"""With which a server makes them. Its own, apart from the management token that servers hold for changes of Raft."""

RULES = {"quorate-introduction": 'node { policy = "write" }\n'}
"""What it takes (nomad/acl_endpoint.go, CreateClientIntroductionToken)."""


def introduces(config: ClusterConfig) -> bool:
    return tuple(int(part) for part in config.versions.nomad.split(".")) >= SINCE


def introduction_of(config: ClusterConfig, client: Node, certificate: str) -> FileSet:
    """Values of `introduce`, for the server that introduces `client`: the request, which binds the name and the pool,
    and the certificate that the answer is sealed to, with the name that it has to be of."""
    return FileSet(
        values={
            "request": {"NodeName": client.instance_id, "NodePool": client.node_pool},
            "recipient": names_for(config, client).common_name,
            "certificate": certificate,
        }
    )
