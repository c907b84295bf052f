"""What the sweep finds that nobody looks after. It starts goodbyes and launches; membership is changed by them alone.

Every finding may be acted on twice: goodbyes and launches are claimed by their subject, and each decides anew.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from lambdas.domain.config import Product
from lambdas.domain.membership import safety
from lambdas.domain.membership.case import ORDER, orphan_subject
from lambdas.domain.membership.observation import Observation, Presence, Raft, Server

What = Literal["answer", "launch", "goodbye", "unseal", "replace", "call"]
"""`answer`: read the end of a command (its id is the subject) and answer its token. `launch`, `goodbye`: start them.
`unseal`: send the command that does. `replace`: mark the instance as unhealthy, so that its group replaces it.
`call`: tell a human, and do nothing."""

GOODBYES: tuple[tuple[Presence, str], ...] = (
    ("gone", "its host is gone"),
    ("leaving", "it waits in its terminate hook"),
    ("retained", "it was retained, since nothing showed that it could go"),
)
"""The dead first: as long as they are voters they stand in the way of the others."""


@dataclass(frozen=True, slots=True)
class Finding:
    subject: str
    what: What
    reason: str


@dataclass(frozen=True, slots=True)
class Attended:
    """What is looked after already, and what the sweep before has seen."""

    goodbyes: frozenset[str] = frozenset()
    """Subjects that have an execution which runs."""
    launches: frozenset[str] = frozenset()
    overdue: tuple[str, ...] = ()
    """Ids of commands under way for longer than they may take."""
    outsiders: frozenset[str] = frozenset()
    """`outsiders` of the sweep before."""
    unseals: bool = False
    """Whether Vault waits for key shares when it starts, and does not unseal itself."""


def triage(observation: Observation, attended: Attended) -> tuple[Finding, ...]:
    """In the order in which they are acted on. For a cluster that is formed: before, nobody is a peer of anything."""
    return (
        *_unanswered(attended),
        *_launches(observation, attended),
        *_goodbyes(observation, attended),
        *_sealed(observation, attended),
        *_replacement(observation, attended),
        *_calls(observation, attended),
    )


def outsiders(observation: Observation) -> frozenset[str]:
    """Servers in service that are no peer of a product which they serve and whose peers are known."""
    return frozenset(server.instance_id for server in observation.servers if _misses(observation, server))


def _unanswered(attended: Attended) -> Iterator[Finding]:
    for command_id in sorted(attended.overdue):
        yield Finding(command_id, "answer", "it should have ended by now, and nobody told")


def _launches(observation: Observation, attended: Attended) -> Iterator[Finding]:
    for server in _by_id(observation, "launching"):
        if server.instance_id not in attended.launches:
            yield Finding(server.instance_id, "launch", "it launches, and no execution looks after it")


def _goodbyes(observation: Observation, attended: Attended) -> Iterator[Finding]:
    found = [
        Finding(server.instance_id, "goodbye", f"{why}, and no execution looks after it")
        for presence, why in GOODBYES
        for server in _by_id(observation, presence)
    ]
    found += _peers_without_instance(observation)
    seen = set(attended.goodbyes)
    for finding in found:
        if finding.subject not in seen:
            seen.add(finding.subject)
            yield finding


def _peers_without_instance(observation: Observation) -> Iterator[Finding]:
    for raft in _known(observation):
        for peer in sorted(raft.peers, key=lambda peer: peer.raft_id):
            if peer.instance_id is None:
                subject = orphan_subject(raft.product, peer.raft_id)
                yield Finding(subject, "goodbye", f"{peer.address} is a peer of {raft.product} that has no name")
            elif observation.server(peer.instance_id) is None:
                yield Finding(peer.instance_id, "goodbye", f"it is a peer of {raft.product} and no instance of ours")


def _replacement(observation: Observation, attended: Attended) -> Iterator[Finding]:
    """One at a time, and while nothing moves: who joins or leaves this moment may be what is missing.

    A retained one does not count as moving. It waits for a replacement, and the outsider may be what was to replace it.
    """
    if any(server.presence in ("launching", "leaving") for server in observation.servers):
        return
    for instance_id in sorted(outsiders(observation) & attended.outsiders)[:1]:
        server = observation.server(instance_id)
        missed = ", ".join(_misses(observation, server)) if server else ""
        yield Finding(instance_id, "replace", f"it is in service and no peer of {missed}, in two sweeps in a row")


def _sealed(observation: Observation, attended: Attended) -> Iterator[Finding]:
    """One that launches is unsealed by its launch; one that leaves needs no seal."""
    vault = observation.rafts.get("vault")
    if vault is None or not attended.unseals:
        return
    for server in _by_id(observation, "in_service"):
        if server.instance_id in vault.sealed and server.reachable:
            yield Finding(server.instance_id, "unseal", "vault on it is sealed, and key shares open it")


def _calls(observation: Observation, attended: Attended) -> Iterator[Finding]:
    """What nothing here can mend."""
    for product in ORDER:
        raft = safety.settled(observation, product)
        if not isinstance(raft, Raft):
            if safety.is_served(observation, product):
                yield Finding(product, "call", f"the membership of {product} is unknown: {raft.reason}")
            continue
        for peer in sorted(raft.voters, key=lambda peer: peer.raft_id):
            server = None if peer.instance_id is None else observation.server(peer.instance_id)
            if server is None or server.presence != "in_service":
                continue
            if safety.is_sealed(raft, peer):
                if attended.unseals:
                    continue
                yield Finding(server.instance_id, "call", f"{product} on it is sealed, and it is in service")
            elif not peer.healthy:
                yield Finding(server.instance_id, "call", f"{product} on it is unhealthy, and it is in service")


def _misses(observation: Observation, server: Server) -> list[Product]:
    if server.presence != "in_service":
        return []
    return [
        raft.product
        for raft in _known(observation)
        if raft.product in server.serves
        and raft.peer_of(server.instance_id) is None
        and not any(peer.instance_id is None and safety.may_own(server, raft, peer) for peer in raft.peers)
    ]


def _known(observation: Observation) -> list[Raft]:
    views = (safety.settled(observation, product) for product in ORDER)
    return [view for view in views if isinstance(view, Raft)]


def _by_id(observation: Observation, presence: Presence) -> list[Server]:
    there = (server for server in observation.servers if server.presence == presence)
    return sorted(there, key=lambda server: server.instance_id)
