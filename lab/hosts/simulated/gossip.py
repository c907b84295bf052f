"""Gossip of Consul and Nomad as far as its keys go: who hears whom, and what each member has on its ring."""

from collections.abc import Iterable

from lab.hosts.simulated.host import Host


def gossips(host: Host, product: str) -> bool:
    """Consul's on every node, Nomad's among its servers alone; Vault has none."""
    return product == "consul" or (product == "nomad" and host.kinds.get(product) == "server")


def understand(one: Host, other: Host, product: str) -> bool:
    """Whether each has the key that the other speaks with; without any keys they speak in clear."""
    if not gossips(one, product) or not gossips(other, product):
        return True
    mine, theirs = one.keyrings.get(product, []), other.keyrings.get(product, [])
    return mine[0] in theirs and theirs[0] in mine if mine and theirs else mine == theirs


def alive_to(host: Host, product: str, hosts: Iterable[Host]) -> list[Host]:
    """Members that the host finds alive, itself among them."""
    return [
        other
        for other in hosts
        if not other.lost
        and product in other.running
        and gossips(other, product)
        and (other.key, other.partition) == (host.key, host.partition)
        and understand(host, other, product)
    ]
