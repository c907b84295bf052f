"""What Quorate sees of the world: an `Observation`, by the real rules of what is known, and what is not."""

from functools import lru_cache
from typing import NamedTuple

from lab.histories import quorum
from lab.histories.world import NOBODY, Host, Raft, World, name, raft_id
from lambdas.domain.config import Product
from lambdas.domain.membership import observation, reports
from lambdas.domain.membership.observation import Observation, Unknown


def observe(world: World) -> Observation:
    return Observation(
        servers=tuple(_server(world, number, host) for number, host in enumerate(world.hosts) if _known(world, number)),
        rafts={raft.product: _seen(world, raft) for raft in world.rafts},
        sizes={raft.product: world.size for raft in world.rafts},
    )


def presence(host: Host) -> observation.Presence:
    """EC2 says whether there is a host; its group says the rest."""
    return host.presence


def _known(world: World, number: int) -> bool:
    """In the group, or with a member record, or named by a peer and EC2 remembers it."""
    host = world.hosts[number]
    if host.strange:
        return False
    if host.presence != "gone" or number in world.records:
        return True
    return any(peer.host == number for raft in world.rafts for peer in raft.peers)


def _server(world: World, number: int, host: Host) -> observation.Server:
    return observation.Server(
        instance_id=name(number),
        group="servers",
        serves=tuple(raft.product for raft in world.rafts),
        presence=presence(host),
        private_ip=f"10.0.0.{host.address}",
        reachable=reachable(host),
    )


def reachable(host: Host) -> bool:
    """A partition between hosts does not cut the agent off: its way to AWS is another."""
    return host.alive and host.agent and not host.strange


def _seen(world: World, raft: Raft) -> observation.Raft | Unknown:
    """What the servers that answer tell, merged. Asked once for each situation that looks the same."""
    product = raft.product
    answers = tuple(_answer(world, raft, number, host) for number, host in enumerate(world.hosts))
    members = tuple(sorted(world.records & {peer.host for peer in raft.peers}))
    health = tuple(quorum.looks_healthy(world, product, peer.host) for peer in raft.peers)
    addresses = tuple(_named(world.hosts[peer.host]) for peer in raft.peers)
    return _merged(raft, answers, members, health, addresses)


def _answer(world: World, raft: Raft, number: int, host: Host) -> str:
    """In what way a server answers when it is asked about a product."""
    product = raft.product
    if host.presence == "gone":
        return NOT_ASKED
    if not reachable(host):
        return SILENT
    if product in world.blind:
        return GARBLED
    if product in host.stopped:
        return STOPPED
    if host.misled:
        return FOREIGN
    if product == "vault" and host.sealed:
        return SEALED
    if not any(peer.host == number for peer in raft.peers):
        return STOPPED if host.presence == "launching" else LOST
    return KNOWING if raft.leader != NOBODY and quorum.serves(world, product, number) else LOST


NOT_ASKED, SILENT, GARBLED, STOPPED, FOREIGN, SEALED, LOST, KNOWING = (
    "not asked", "silent", "garbled", "stopped", "foreign", "sealed", "lost", "knowing"
)  # fmt: skip


def _named(host: Host) -> tuple[int, bool]:
    return host.address, host.strange


@lru_cache(maxsize=200_000)
def _merged(
    raft: Raft,
    answers: tuple[str, ...],
    members: tuple[int, ...],
    health: tuple[bool, ...],
    addresses: tuple[tuple[int, bool], ...],
) -> observation.Raft | Unknown:
    product = raft.product
    peers = [
        {
            "id": raft_id(peer.host),
            "name": "somebody" if strange else f"{name(peer.host)}.region" if product == "nomad" else name(peer.host),
            "address": f"10.0.0.{address}:8300",
            "voter": peer.voter,
            "healthy": healthy,
        }
        for peer, healthy, (address, strange) in zip(raft.peers, health, addresses, strict=True)
    ]
    known = {"cluster_id": OURS, "leader": raft_id(raft.leader), "peers": peers}
    heard = [heard_of(product, number, answer, known) for number, answer in enumerate(answers) if answer != NOT_ASKED]
    records = [Record(name(number), {product: raft_id(number)}, {product: OURS}) for number in members]
    return reports.merge([product], heard, records)[product]


def heard_of(product: Product, number: int, answer: str, known: dict[str, object]) -> reports.Heard:
    """What `observe` tells of a product in its JSON line, or what comes in its place."""
    instance = name(number)
    if answer == SILENT:
        return reports.Heard(instance, product, error="its SSM agent does not answer")
    if answer == GARBLED:
        return reports.Heard(instance, product, result={"known": True, "healthy": "yes"})
    told: dict[str, object] = {
        "running": answer != STOPPED,
        "known": answer == KNOWING,
        "reason": answer,
        "cluster_id": {KNOWING: OURS, FOREIGN: "another"}.get(answer),
        "own_raft_id": raft_id(number) if answer in (KNOWING, LOST) else None,
        "leader": None,
        "sealed": answer == SEALED,
        "peers": [],
    }
    return reports.Heard(instance, product, result=told | known if answer == KNOWING else told)


class Record(NamedTuple):
    """A member record."""

    instance_id: str
    raft_ids: dict[str, str]
    cluster_ids: dict[str, str]


OURS = "ours"
