"""Nomad: a server where it is served, a client in client pools."""

from lambdas.domain.component import Component, Port
from lambdas.domain.phases import Phase

NOMAD = Component(
    name="nomad",
    product="nomad",
    takes_part=lambda role: role.kind == "client" or "nomad" in role.serves,
    phases={
        Phase.INSTALL: 600,
        Phase.SECRETS: 120,
        Phase.CONFIGURE: 120,
        Phase.START: 180,
        Phase.BOOTSTRAP: 300,
        Phase.VERIFY: 300,
        Phase.LEAVE: 900,
    },
    ports=(
        Port(4646, "tcp", on="servers", reach="nodes", purpose="Nomad HTTPS API and workload identity keys"),
        Port(4647, "tcp", on="servers", reach="nodes", purpose="Nomad RPC and Raft"),
        Port(4648, "tcp", on="servers", reach="servers", purpose="Nomad gossip"),
        Port(4648, "udp", on="servers", reach="servers", purpose="Nomad gossip"),
        Port(20000, "tcp", on="clients", reach="nodes", purpose="Allocations' dynamic ports", last=32000),
    ),
    artifact="nomad",
    keeps_secrets=True,
)
