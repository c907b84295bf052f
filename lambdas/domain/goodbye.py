"""May this instance go? Clients may; a server only where its going is shown to cost no quorum."""

from dataclasses import dataclass
from typing import Literal

from lambdas.domain.formation import Record
from lambdas.domain.node import Node


@dataclass(frozen=True)
class Goodbye:
    result: Literal["CONTINUE", "ABANDON"]
    reason: str
    says_goodbye: bool = False
    """Whether the host is there and tells its products that it goes."""


def decide_goodbye(record: Record, node: Node | None) -> Goodbye:
    """`node` is None where the host no longer runs: then nothing is left that could be kept."""
    if node is None:
        return Goodbye("CONTINUE", "the host is gone already")
    if node.kind == "client":
        return Goodbye("CONTINUE", "a client holds no vote: it leaves and goes", says_goodbye=True)
    if record.status != "formed":
        return Goodbye("CONTINUE", f"no cluster exists yet (formation is {record.status}): the server holds no vote")
    products = ", ".join(node.serves)
    return Goodbye("ABANDON", f"it may be a voter of {products} and nothing shows that quorum survives: retained")
