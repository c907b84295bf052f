"""May this server go, and what is the next step of its goodbye? One pure function; its rows are in `truth_table`."""

from dataclasses import dataclass
from typing import Literal

from lambdas.domain.config import Product
from lambdas.domain.membership.observation import Observation
from lambdas.domain.phases import Phase

ORDER: tuple[Product, ...] = ("nomad", "vault", "consul")
"""Nomad needs the others to be there, everything needs Consul: it leaves last (products.md D2)."""

Kind = Literal["act", "wait", "human", "release", "keep"]


@dataclass(frozen=True, slots=True)
class Step:
    """One change of one product's membership, made by one document on one node."""

    product: Product
    phase: Phase
    """HAND_OVER and LEAVE run on the subject, REMOVE on a server that stays."""
    on: str
    raft_id: str
    subject: str
    fewest_voters: int
    """Voters that have to remain; the script counts again, just before the change."""
    spare_voters: int
    """Healthy voters that have to remain beyond a majority."""


@dataclass(frozen=True, slots=True)
class Decision:
    """`act` carries a step. `wait` asks again, `human` stops and rings, `release` lets the instance go, `keep` leaves it
    where it is because nobody asked it to go. `reason` is for an operator who does not know the code."""

    kind: Kind
    reason: str
    row: str
    """Name of the row of the truth table that it is."""
    step: Step | None = None


def decide(observation: Observation, subject: str) -> Decision:
    """The next step of the goodbye of `subject`, an instance id or an orphan (`observation.ORPHAN`)."""
    raise NotImplementedError
