"""Called by node_terminate: CompleteTerminate. Nothing stands against it any more: the group lets the instance go."""

import time
from typing import Any

from lambdas.aws import certificates, journal, lease, lifecycle, members
from lambdas.aws.lifecycle import RETAINED
from lambdas.domain.errors import LeaseLost
from lambdas.domain.goodbye import Goodbye
from lambdas.domain.membership.observation import ORPHAN
from lambdas.observability import count, decided, entry
from lambdas.settings import Settings


@entry
def handler(event: dict[str, Any], context: object) -> None:
    """`event`: {"goodbye", "turn", "decision", "execution"}. Raises LeaseLost. Safe to be asked again."""
    settings = Settings.from_environment()
    table, execution, fencing = settings.table_name, event["execution"], event["turn"]["fencing"]
    goodbye, reason = Goodbye.model_validate(event["goodbye"]), event["decision"]["reason"]
    if goodbye.kind == "server" and not lease.holds(table, execution, fencing, time.time()):
        raise LeaseLost(f"the turn in which {goodbye.subject} was let go is over")
    outcome = "its peer is gone" if goodbye.subject.startswith(ORPHAN) else _let_go(table, goodbye)
    lease.release(table, execution, fencing)
    count("NodesReleased")
    decided(reason, node=goodbye.subject, outcome=outcome)
    journal.write(table, goodbye.told(settings.cluster_name, execution, "release", reason, outcome))


def _let_go(table: str, goodbye: Goodbye) -> str:
    """By where the instance stands now: it may have been retained since its goodbye began."""
    standing = lifecycle.find(goodbye.subject)
    members.forget(table, goodbye.subject)  # first: without the answer the sweep comes again, without the record too
    certificates.forget(table, goodbye.subject)
    if standing and standing.state == RETAINED:
        lifecycle.terminate_retained(goodbye.subject)
        return "a retained instance is terminated"
    if goodbye.lifecycle and lifecycle.complete(goodbye.lifecycle, "CONTINUE"):
        return "CONTINUE"
    return "nobody waited for an answer"
