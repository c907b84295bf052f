"""Observations in a few letters: host `a` is instance `i-a` at 10.0.0.1, its peer in Nomad is `nomad-a`."""

from collections.abc import Mapping

from lambdas.domain.config import Product
from lambdas.domain.membership.case import ORDER
from lambdas.domain.membership.observation import Observation, Peer, Presence, Raft, Server, Unknown

Rafts = Mapping[Product, Raft | Unknown]


def observed(
    hosts: str,
    rafts: Rafts,
    *,
    size: int = 3,
    leaving: str = "",
    retained: str = "",
    launching: str = "",
    gone: str = "",
    unreachable: str = "",
    serves: tuple[Product, ...] = ORDER,
    addresses: Mapping[str, str] | None = None,
) -> Observation:
    """`hosts` are in service unless they are named otherwise."""
    presences: dict[str, Presence] = dict.fromkeys(hosts, "in_service")
    others: dict[Presence, str] = {"leaving": leaving, "retained": retained, "launching": launching, "gone": gone}
    for presence, named in others.items():
        presences.update(dict.fromkeys(named, presence))
    servers = tuple(
        Server(
            instance_id=f"i-{host}",
            group="servers",
            serves=serves,
            presence=presence,
            private_ip=(addresses or {}).get(host, address_of(host)),
            reachable=presence != "gone" and host not in unreachable,
        )
        for host, presence in presences.items()
    )
    return Observation(servers, rafts, dict.fromkeys(ORDER, size))


def raft(
    product: Product,
    voters: str,
    *,
    leader: str = "",
    non_voters: str = "",
    unhealthy: str = "",
    sealed: str = "",
    stopped: str = "",
    unheard: str = "",
    nameless: str = "",
) -> Raft:
    """Whoever is healthy and runs has answered, but the `unheard`; the first voter leads unless another is named."""
    peers = tuple(
        Peer(
            raft_id=f"{product}-{host}",
            instance_id=None if host in nameless else f"i-{host}",
            address=f"{address_of(host)}:8300",
            voter=host in voters,
            healthy=host not in unhealthy,
        )
        for host in voters + non_voters
    )
    mute = unhealthy + stopped + unheard + nameless
    return Raft(
        product=product,
        leader=f"{product}-{leader or voters[0]}",
        peers=peers,
        observers=frozenset(f"i-{host}" for host in voters + non_voters if host not in mute),
        stopped=frozenset(f"i-{host}" for host in stopped),
        sealed=frozenset(f"i-{host}" for host in sealed) if product == "vault" else frozenset(),
    )


def everywhere(
    voters: str, *, leader: str = "", non_voters: str = "", unhealthy: str = "", unheard: str = "", nameless: str = ""
) -> dict[Product, Raft | Unknown]:
    """The same view of all three products."""
    return {
        product: raft(
            product,
            voters,
            leader=leader,
            non_voters=non_voters,
            unhealthy=unhealthy,
            unheard=unheard,
            nameless=nameless,
        )
        for product in ORDER
    }


def address_of(host: str) -> str:
    return f"10.0.0.{ord(host) - ord('a') + 1}"
