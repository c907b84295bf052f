"""Called by node_terminate: EndTurn. Writes down what came of it; gives the lease back unless a turn follows."""

import time
from typing import Any

from lambdas.aws import journal, lease
from lambdas.domain.goodbye import Goodbye, pause_seconds, read_change
from lambdas.observability import decided, entry
from lambdas.settings import Settings


@entry
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`event`: {"goodbye", "turn", "decision", "changed": answers, or {Error, Cause}, "execution"}.

    Returns the turn, with `next`: `turn` at once after a change, `wait`, or `stop` where nobody waits for an answer.
    """
    settings = Settings.from_environment()
    goodbye, turn, decision = Goodbye.model_validate(event["goodbye"]), event["turn"], event["decision"]
    changed = False
    if decision["kind"] == "act":
        changed, outcome = read_change(event["changed"])
        decided(outcome, node=goodbye.subject, changed=changed)
        told = goodbye.told(settings.cluster_name, event["execution"], "act", decision["reason"], outcome)
        journal.write(settings.table_name, told)
    if changed:
        return {**turn, "said": decision["reason"], "changed_at": time.time(), "waits": 0, "next": "turn"}
    lease.release(settings.table_name, event["execution"], turn["fencing"])
    goes_on = goodbye.lifecycle is not None and decision["kind"] != "keep"
    waits = turn.get("waits", 0) + 1
    said = {"said": decision["reason"], "waits": waits, "pause_seconds": pause_seconds(waits)}
    return {**turn, **said, "next": "wait" if goes_on else "stop"}
