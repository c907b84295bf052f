"""The arithmetic of quorum: who would remain, who of them counts, who can make the change.

Small on purpose, each function one question: `decision` asks them by name, and scripts count the same on the node.
"""

from collections.abc import Collection, Iterable

from lambdas.domain.config import Product
from lambdas.domain.membership.observation import Observation, Peer, Raft, Server, Unknown


def majority(voters: int) -> int:
    return voters // 2 + 1


def spare_voters(remaining: int) -> int:
    """Healthy voters beyond a majority that have to remain: one more may fail. One or two have none to spare.

    Of those that remain, not of the size that is asked for: on the way from 5 to 1 there is something to lose as well.
    """
    return 1 if remaining >= 3 else 0


def smallest_size(observation: Observation, product: Product) -> int:
    """A product that the cluster file no longer asks for still keeps its last voter."""
    return max(1, observation.sizes.get(product, 1))


def without(raft: Raft, own: Collection[Peer]) -> tuple[Peer, ...]:
    """The voters that remain when `own` are taken out. By id: an address may be another's by now."""
    ids = {peer.raft_id for peer in own}
    return tuple(peer for peer in raft.peers if peer.voter and peer.raft_id not in ids)


def counts(observation: Observation, raft: Raft, peer: Peer) -> bool:
    """Whether a voter's vote can be had: healthy, not sealed, and its host is there, whatever gossip still believes."""
    return peer.healthy and not is_sealed(raft, peer) and not is_gone(observation, peer)


def is_sealed(raft: Raft, peer: Peer) -> bool:
    return peer.instance_id is not None and peer.instance_id in raft.sealed


def is_gone(observation: Observation, peer: Peer) -> bool:
    server = None if peer.instance_id is None else observation.server(peer.instance_id)
    return server is not None and server.presence == "gone"


def host_of(peer: Peer) -> str:
    """The address without its port."""
    return peer.address.rpartition(":")[0] if ":" in peer.address else peer.address


def may_own(server: Server, raft: Raft, peer: Peer) -> bool:
    """Whether a nameless peer is likely that of a wanted server: its address, and no peer there has its name."""
    return (
        server.presence in ("launching", "in_service")
        and raft.product in server.serves
        and bool(server.private_ip)
        and server.private_ip == host_of(peer)
        and raft.peer_of(server.instance_id) is None
    )


def healthy_among(observation: Observation, raft: Raft, voters: Iterable[Peer]) -> int:
    return sum(1 for peer in voters if counts(observation, raft, peer))


def leaves_enough_voters(remaining: Collection[Peer], size: int) -> bool:
    return len(remaining) >= size


def leaves_a_majority(healthy: int, remaining: int, spare: int) -> bool:
    """Dead voters count in `remaining` until they are removed: that is why they are removed first."""
    return healthy >= majority(remaining) + spare


def is_minority(observation: Observation, product: Product) -> bool:
    """Whether fewer hosts of the product are left than a majority. Only said where no leader tells its voters.

    Servers that launch are left out on both sides: mostly they are no voters yet, and two fresh ones beside one
    survivor of three bring no quorum back.
    """
    known = [server for server in observation.servers if product in server.serves and server.presence != "launching"]
    left = [server for server in known if server.presence != "gone"]
    return bool(known) and len(left) < majority(len(known))


def survivor(observation: Observation, raft: Raft, own: Collection[Peer], subject: str) -> Server | None:
    """Where a peer is removed from: a healthy voter that answered with this very view, and that stays if one does.

    The leader first, it need not ask another; else the least instance id, so that every turn chooses alike.
    """
    candidates = []
    for peer in without(raft, own):
        server = None if peer.instance_id is None else observation.server(peer.instance_id)
        if server is None or server.instance_id == subject or server.instance_id not in raft.observers:
            continue
        if server.reachable and counts(observation, raft, peer):
            candidates.append(
                (server.presence != "in_service", peer.raft_id != raft.leader, server.instance_id, server)
            )
    return min(candidates, key=lambda candidate: candidate[:3])[3] if candidates else None


def is_served(observation: Observation, product: Product) -> bool:
    """A product that this cluster does not have is known of by nobody, and that is no trouble."""
    return observation.sizes.get(product, 0) > 0 or any(product in server.serves for server in observation.servers)


def settled(observation: Observation, product: Product) -> Raft | Unknown:
    """What is known of a product; a view without its leader among the peers is no view."""
    raft = observation.rafts.get(product)
    if raft is None:
        return Unknown(product, f"nobody was asked about {product}")
    if isinstance(raft, Raft) and not any(peer.raft_id == raft.leader for peer in raft.peers):
        return Unknown(product, f"{product} tells no leader among its peers")
    return raft
