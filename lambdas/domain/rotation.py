"""Rotation: old keys give way to new ones, stage by stage, and each stage is over only when everybody has followed.

`rotate_secrets` carries it along. A record says how far it is, so an execution may end anywhere and another goes on.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from lambdas.domain.config import Product
from lambdas.domain.failure import Failure
from lambdas.domain.membership.journal import Entry
from lambdas.domain.membership.observation import Presence, Server
from lambdas.domain.phases import Phase

MAXIMUM_TURNS = 100
"""Of one execution: a turn is some 60 events of its 25,000. The sweep starts the next one."""

OVERDUE_SECONDS = 1800
"""How long a stage may wait for somebody before a human is told."""

Kind = Literal["gossip"]


@dataclass(frozen=True, slots=True)
class Stage:
    """`step` is what the document of `phase` is told to do."""

    product: Product
    phase: Phase
    step: str

    @property
    def name(self) -> str:
        return f"{self.product} {self.phase} {self.step}"


GOSSIPING: tuple[Product, ...] = ("consul", "nomad")

STAGES: Mapping[Kind, tuple[Stage, ...]] = {
    "gossip": tuple(
        Stage(product, Phase.REKEY, step) for product in GOSSIPING for step in ("install", "use", "remove")
    ),
}

_BY_NAME = {stage.name: stage for stages in STAGES.values() for stage in stages}


class Request(BaseModel):
    """The input of an execution. `by: sweep` goes on with what is under way and begins nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    secrets: tuple[Kind, ...] = tuple(STAGES)
    by: Literal["operator", "sweep"] = "operator"

    @property
    def stages(self) -> tuple[str, ...]:
        return tuple(stage.name for kind in dict.fromkeys(self.secrets) for stage in STAGES[kind])


class Rotation(BaseModel):
    """The record: `stages` by name, `at` the index of the one under way, since `since` (seconds since the epoch)."""

    model_config = ConfigDict(frozen=True)

    number: int
    """Grows with each rotation; a secret says of which it is."""
    execution: str
    """Who carries it along."""
    stages: tuple[str, ...]
    at: int
    since: float

    @property
    def stage(self) -> Stage | None:
        """None once it is over."""
        return _BY_NAME[self.stages[self.at]] if self.at < len(self.stages) else None

    def told(self, cluster: str, decision: str, reason: str) -> Entry:
        """What the journal keeps of it."""
        subject = self.stage.product if self.stage else "rotation"
        return Entry(cluster, subject, self.execution, "rotation", decision, reason)


STAYS: frozenset[Presence] = frozenset({"launching", "in_service", "retained"})
"""Who must have followed. One that leaves or is gone needs no key: to wait for it could be to wait for ever."""


def everybody(nodes: Iterable[Server], product: Product) -> tuple[str, ...]:
    """Instance ids of those that gossip of `product` has to reach: of Consul all nodes, of Nomad its servers.

    One that is launching counts too: it may have read the secret before the new key was in it.
    """
    return tuple(
        sorted(
            node.instance_id
            for node in nodes
            if node.presence in STAYS and (product == "consul" or product in node.serves)
        )
    )


def choose_server(nodes: Sequence[Server], product: Product, turn: int) -> Server | None:
    """Each turn another of the servers that can be asked: what one of them cannot do is no reason to wait for it."""
    there = sorted(
        (node for node in nodes if product in node.serves and node.presence == "in_service" and node.reachable),
        key=lambda node: node.instance_id,
    )
    return there[turn % len(there)] if there else None


def read_answers(asked: Sequence[Mapping[str, Any]]) -> tuple[bool, str]:
    """Whether the stage is over, and a sentence: from items of a Map with `answers`, or `failure`: {Error, Cause}."""
    for one in asked:
        if failure := one.get("failure"):
            told = Failure.from_state(failure)
            return False, f"{told.error}: {told.cause}"
        for answer in one.get("answers", ()):
            result = answer.get("result") or {}
            return result.get("done") is True, str(result.get("reason") or "the node did not say what it did")
    return False, "nobody was asked"
