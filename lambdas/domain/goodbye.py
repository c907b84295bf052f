"""The goodbye of one subject as `node_terminate` carries it along, and its pace. The decision is `membership`'s."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from lambdas.domain.events import LifecycleAction
from lambdas.domain.failure import Failure
from lambdas.domain.membership.journal import Entry
from lambdas.domain.node import Node

HOLD_SECONDS = 1800
"""How long an instance waits in its hook until it may go; then its group retains it, and the sweep goes on."""

MAXIMUM_TURNS = 50
"""A turn of seven servers is some 330 events of an execution's 25,000; ten of them still fit."""

PAUSE_STEP_SECONDS, LONGEST_PAUSE_SECONDS = 5, 45

DRAIN_FAILURES = 3
"""Rounds in a row without an answer, after which a client's agent is not waited for any longer."""

DRAIN_ROUNDS = 300
"""Of a drain that takes its whole time, about: some 25 events each."""

Kind = Literal["client", "server", "stranger"]


class Goodbye(BaseModel):
    """`stranger`: no cluster exists yet, so that nothing is lost with it."""

    model_config = ConfigDict(frozen=True)

    subject: str
    """An instance id, or an orphan peer (`membership.observation.ORPHAN`)."""
    kind: Kind
    group: str
    """Its group's own name; empty where nobody knows it any more."""
    started_at: float
    node: Node | None = None
    """None where its host is gone, and for an orphan."""
    lifecycle: LifecycleAction | None = None
    """The action that waits for an answer. None where nobody waits: one look decides, and the sweep comes again."""

    def to_state(self) -> dict[str, Any]:
        return self.model_dump(mode="json", by_alias=True)

    def told(self, cluster: str, execution: str, decision: str, reason: str, outcome: str = "") -> Entry:
        """What the journal keeps of it."""
        return Entry(cluster, self.subject, execution, "goodbye", decision, reason, outcome)


def is_overdue(turn: int, since: float, now: float) -> bool:
    """`since` is when it began, or last changed something: what has begun to leave is not held halfway."""
    return turn > MAXIMUM_TURNS or now - since >= HOLD_SECONDS


def pause_seconds(waits: int) -> int:
    """After so many waits in a row: a replacement takes minutes, but what a change left behind is over in a moment."""
    return min(PAUSE_STEP_SECONDS * max(1, waits), LONGEST_PAUSE_SECONDS)


def drain_pause_seconds(drain_round: int, drain_seconds: int) -> int:
    return min(PAUSE_STEP_SECONDS * max(1, drain_round), max(LONGEST_PAUSE_SECONDS, drain_seconds // DRAIN_ROUNDS))


def read_change(answered: Any) -> tuple[bool, str]:
    """Whether membership was changed, and a sentence: from a command's answer, or from a state's {Error, Cause}."""
    if isinstance(answered, dict):
        failure = Failure.from_state(answered)
        return False, f"{failure.error}: {failure.cause}"
    for one in answered:
        result = one.get("result", {})
        if isinstance(result.get("changed"), bool):
            return result["changed"], str(result.get("reason", "no reason was given"))
    return False, "the node did not say what it did"
