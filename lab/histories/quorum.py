"""How the products' Raft behaves: who hears whom, who leads, who votes. The world's own rules, none of Quorate's."""

from lab.histories.world import NOBODY, Peer, Raft, World
from lambdas.domain.config import Product


def serves(world: World, product: Product, number: int) -> bool:
    """The product runs there and hears the others."""
    host = world.hosts[number]
    return (
        host.alive
        and host.linked
        and not host.misled
        and product not in host.stopped
        and not (host.sealed and product == "vault")
    )


def looks_healthy(world: World, product: Product, number: int) -> bool:
    """Autopilot's word, which may lag behind."""
    return serves(world, product, number) or not world.hosts[number].felt


def unnoticed(world: World, product: Product, but: int) -> int:
    """Voters that autopilot takes for healthy and that are not."""
    return sum(
        number != but and looks_healthy(world, product, number) and not serves(world, product, number)
        for number in voters(world.raft(product))
    )


def spare(world: World, product: Product, but: int) -> int:
    """Failures that a change bears. The dead cost nothing when they go."""
    rest = [number for number in voters(world.raft(product)) if number != but]
    return 1 if len(rest) >= 3 or not serves(world, product, but) else 0


def voters(raft: Raft) -> list[int]:
    return [peer.host for peer in raft.peers if peer.voter]


def has_quorum(world: World, raft: Raft) -> bool:
    wanted = voters(raft)
    return 2 * sum(serves(world, raft.product, number) for number in wanted) > len(wanted)


def elect(world: World) -> World:
    """Each product keeps its leader while that has a majority, or elects the first that can be."""
    rafts = []
    for raft in world.rafts:
        wanted = voters(raft)
        living = [number for number in wanted if serves(world, raft.product, number)]
        leader = NOBODY
        if 2 * len(living) > len(wanted):
            leader = raft.leader if raft.leader in living else min(living)
        rafts.append(raft if leader == raft.leader else raft._replace(leader=leader))
    return world._replace(rafts=tuple(rafts))


def follow(world: World, product: Product, number: int) -> World:
    """Leadership goes to another voter, by itself or because it was handed over."""
    raft = world.raft(product)
    if raft.leader == NOBODY or number not in voters(raft) or not serves(world, product, number):
        return world
    return world.of_raft(product, leader=number)


def may_join(world: World, product: Product, number: int) -> bool:
    raft = world.raft(product)
    return raft.leader != NOBODY and serves(world, product, number) and all(peer.host != number for peer in raft.peers)


def join(world: World, product: Product, number: int) -> World:
    raft = world.raft(product)
    return world.of_raft(product, peers=(*raft.peers, Peer(number, False)))


def may_promote(world: World, product: Product, number: int) -> bool:
    raft = world.raft(product)
    return raft.leader != NOBODY and Peer(number, False) in raft.peers and serves(world, product, number)


def promote(world: World, product: Product, number: int) -> World:
    """Autopilot's stabilisation is over."""
    peers = world.raft(product).peers
    return world.of_raft(product, peers=tuple(Peer(number, True) if peer.host == number else peer for peer in peers))


def remove(world: World, product: Product, number: int) -> World:
    peers = world.raft(product).peers
    return world.of_raft(product, peers=tuple(peer for peer in peers if peer.host != number))
