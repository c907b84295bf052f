"""What a row of the decision answers with: a kind, a reason, and the step where it acts."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from lambdas.domain.config import Product
from lambdas.domain.membership.case import Case
from lambdas.domain.phases import Phase

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


Answer = tuple[Kind, str, Step | None]
"""The reason is for an operator who does not know the code."""

Row = Callable[[Case], Answer | None]
"""None where the row does not fit and the next is asked."""
