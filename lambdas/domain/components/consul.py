"""Consul: a server where it is served, a client agent on every other node."""

from lambdas.domain.component import Component, Port
from lambdas.domain.phases import Phase

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
        Phase.LEAVE: 300,
    },
    ports=(
        Port(8300, "tcp", on="servers", reach="nodes", purpose="Consul RPC and Raft"),
        Port(8301, "tcp", on="nodes", reach="nodes", purpose="Consul gossip"),
        Port(8301, "udp", on="nodes", reach="nodes", purpose="Consul gossip"),
        Port(8501, "tcp", on="servers", reach="nodes", purpose="Consul HTTPS API"),
        Port(8503, "tcp", on="servers", reach="nodes", purpose="Consul gRPC"),
    ),
    artifact="consul",
    keeps_secrets=True,
)
