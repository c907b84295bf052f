"""Rotation: old keys give way to new ones, stage by stage, and each stage is over only when everybody has followed.

`rotate_secrets` carries it along. A record says how far it is, so an execution may end anywhere and another goes on.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from lambdas.domain import names
from lambdas.domain.config import Product
from lambdas.domain.failure import Failure
from lambdas.domain.membership.journal import Entry
from lambdas.domain.membership.observation import Presence, Server
from lambdas.domain.phases import Phase

MAXIMUM_TURNS = 80
"""Of one execution: a turn is some 50 events of its 25,000, up to 230 where many nodes are asked. The sweep starts the
next one."""

BATCH = 10
"""Nodes in a turn: each is some 15 events of an execution's history."""

OVERDUE_SECONDS = 1800
"""How long a stage may wait for somebody before a human is told."""

Kind = Literal["gossip", "tokens"]


@dataclass(frozen=True, slots=True)
class Stage:
    """`step` is what the document of `phase` is told to do. `adopt` has one step, and every node takes it."""

    product: Product
    phase: Phase
    step: str = ""

    @property
    def name(self) -> str:
        return f"{self.product} {self.phase} {self.step}".strip()


ROTATING: tuple[Product, ...] = ("consul", "nomad")

STAGES: Mapping[Kind, tuple[Stage, ...]] = {
    "gossip": tuple(Stage(product, Phase.REKEY, step) for product in ROTATING for step in ("install", "use", "remove")),
    "tokens": tuple(
        stage
        for product in ROTATING
        for stage in (
            Stage(product, Phase.REISSUE, "make"),
            Stage(product, Phase.ADOPT),
            Stage(product, Phase.REISSUE, "retire"),
        )
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
    followed: tuple[str, ...] = ()
    """Instance ids of those that have taken this stage already, where every node has to."""

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


def everybody(nodes: Iterable[Server], stage: Stage) -> tuple[str, ...]:
    """Instance ids of those whom the stage has to reach: of Consul all nodes; of Nomad its servers, and its clients
    where it is not gossip.

    One that is launching counts too: it may have read the secret before the new value was in it.
    """

    def takes_part(node: Server) -> bool:
        client = not node.serves and stage.phase is not Phase.REKEY
        return stage.product == "consul" or stage.product in node.serves or client

    return tuple(sorted(node.instance_id for node in nodes if node.presence in STAYS and takes_part(node)))


@dataclass(frozen=True, slots=True)
class Choice:
    """Whom a turn is about. `fenced`: it can cost a server's vote or divide gossip, so it is under the lease."""

    nodes: tuple[Server, ...]
    fenced: bool
    over: bool = False
    """Every node has taken the stage: there is nothing left to do in it."""


def choose(nodes: Sequence[Server], stage: Stage, followed: Collection[str], turn: int) -> Choice:
    """One server, another one each turn: what one of them cannot do is no reason to wait for it. Or, where every node
    has to take the stage, some of those that have not yet; servers of the product one by one, since one may restart."""
    if stage.phase is not Phase.ADOPT:
        there = _by_id(
            node for node in nodes if stage.product in node.serves and node.presence == "in_service" and node.reachable
        )
        return Choice((there[turn % len(there)],) if there else (), fenced=True)
    wanted = set(everybody(nodes, stage)) - set(followed)
    left = _by_id(node for node in nodes if node.instance_id in wanted)
    together = [node for node in left if stage.product not in node.serves]
    if together:
        start = turn * BATCH % len(together)
        return Choice(tuple((together[start:] + together[:start])[:BATCH]), fenced=False)
    return Choice((left[turn % len(left)],) if left else (), fenced=True, over=not left)


def _by_id(nodes: Iterable[Server]) -> list[Server]:
    return sorted(nodes, key=lambda node: node.instance_id)


def read_followers(asked: Sequence[Mapping[str, Any]]) -> tuple[frozenset[str], str]:
    """Instance ids of those that have taken the stage, and a sentence about one that has not, if any."""
    followers, reason = set(), ""
    for one in asked:
        done, told = read_answers([one])
        for command in one["commands"]:
            if done:
                followers.add(command["instance_id"])
            else:
                reason = reason or f"{command['instance_id']}: {told}"
    return frozenset(followers), reason or f"{len(followers)} nodes have followed"


OPENED = "consul/management-token"
"""The one sealed secret that a rotation needs."""


def readers_of_sealed(stage: Stage, nodes: Sequence[Server]) -> dict[str, dict[str, str]]:
    """For each sealed secret whom a turn opens it to: ids by the tag that says so. Consul's tokens are made with its
    management token, Nomad's with one of its servers' own."""
    if stage.phase is not Phase.REISSUE:
        return {}
    return {OPENED: {names.seed_tag(stage.product): node.instance_id for node in nodes}}


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
