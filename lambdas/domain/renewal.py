"""When a certificate is renewed, and whose turn it is. Pure: the time is given.

Nobody looks at a node for it: what a node was given is in the record, and a node that took nothing has none.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict

from lambdas.domain.membership.observation import Presence, Server

RENEWED_AT = 2 / 3
"""Of its life. What is left is for retries: of 30 days ten, or 2,880 sweeps."""

RINGS_AT = 5 / 6
"""Of its life: half of what was left for retries has gone without one that succeeded."""

CLIENTS_AT_ONCE = 10
"""They hold no vote; more would be no faster, since Run Command and the CA's key are shared."""

MOST_IN_A_RUN = 20
"""An execution's history ends at 25,000 events, and a node takes up to a thousand where everything is retried. The next
sweep begins the next run: 240 nodes an hour."""

DAY_SECONDS = 86_400


class Issued(BaseModel):
    """A certificate as it was signed; times in seconds since the epoch."""

    model_config = ConfigDict(frozen=True)

    instance_id: str
    serial: str
    """Hexadecimal, lower case, without leading zeros."""
    not_before: float
    not_after: float
    authority: int = 1
    """Generation of the authority that signed it."""

    def at(self, share: float) -> float:
        """When `share` of its life is over."""
        return self.not_before + share * (self.not_after - self.not_before)

    def days_left(self, now: float) -> float:
        return (self.not_after - now) / DAY_SECONDS


@dataclass(frozen=True, slots=True)
class Holder:
    """A node and what it holds; None where nobody wrote down what that is."""

    server: Server
    issued: Issued | None
    authority: int = 1
    """Generation of the authority that signs now."""

    @property
    def votes(self) -> bool:
        return bool(self.server.serves)

    def is_due(self, now: float) -> bool:
        return self.issued is None or self.issued.authority < self.authority or now >= self.issued.at(RENEWED_AT)

    def rings(self, now: float) -> bool:
        """Also where nothing is known: a node in service has a certificate, and nobody knows until when."""
        return self.issued is None or now >= self.issued.at(RINGS_AT)


STAYS: tuple[Presence, ...] = ("in_service", "retained")
"""Who needs a certificate tomorrow. A node that launches has just been given one; who leaves needs none."""


@dataclass(frozen=True, slots=True)
class Turn:
    """Who is renewed now, side by side; never more than one that votes. `reason` says why these, or why nobody."""

    holders: tuple[Holder, ...]
    reason: str

    @property
    def votes(self) -> bool:
        return any(holder.votes for holder in self.holders)


def holders(nodes: Iterable[Server], issued: Iterable[Issued], authority: int = 1) -> tuple[Holder, ...]:
    """Nodes that stay, each with what it holds."""
    by_node = {one.instance_id: one for one in issued}
    return tuple(Holder(node, by_node.get(node.instance_id), authority) for node in nodes if node.presence in STAYS)


def next_turn(
    nodes: Iterable[Server], issued: Iterable[Issued], attempted: Collection[str], now: float, *, authority: int = 1
) -> Turn:
    """A server by itself, before it clients, several at once.

    A reload drops a server's connections for a moment. That costs no quorum as long as the others are all there, so a
    server waits while another is away, unless its certificate is about to end: then it is the greater danger.
    """
    everybody = tuple(nodes)
    left = MOST_IN_A_RUN - len(attempted)
    if left <= 0:
        return Turn((), f"{len(attempted)} nodes are enough for one run: the next sweep begins another")
    due = [
        holder
        for holder in holders(everybody, issued, authority)
        if holder.is_due(now) and holder.server.reachable and holder.server.instance_id not in attempted
    ]
    due.sort(key=lambda holder: (holder.issued.not_after if holder.issued else 0.0, holder.server.instance_id))
    voting = [holder for holder in due if holder.votes]
    away = [node.instance_id for node in everybody if node.serves and _is_away(node)]
    ready = [holder for holder in voting if holder.rings(now) or not away]
    if ready:
        return Turn((ready[0],), f"{ready[0].server.instance_id}'s certificate {_until(ready[0], now)}")
    clients = tuple(holder for holder in due if not holder.votes)[: min(CLIENTS_AT_ONCE, left)]
    if clients:
        return Turn(clients, f"certificates of {len(clients)} clients, the first of which {_until(clients[0], now)}")
    if voting:
        return Turn((), f"servers' certificates are due, and {', '.join(away)} is away: they wait until it is back")
    return Turn((), "no certificate is due")


def _is_away(node: Server) -> bool:
    return node.presence in ("gone", "leaving") or (node.presence in STAYS and not node.reachable)


def _until(holder: Holder, now: float) -> str:
    if holder.issued is None:
        return "is not known"
    if holder.issued.authority < holder.authority:
        return f"is of authority {holder.issued.authority}, and {holder.authority} signs now"
    return f"has {holder.issued.days_left(now):.1f} days left"
