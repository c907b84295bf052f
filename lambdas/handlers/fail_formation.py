"""Called by form_cluster: FailFormation, and by the rule on executions that were cut off.

Keeps the reason and lets the waiting launches start the next attempt. A founder that failed for good, or whose agent
answers no more, is not waited for again: its own launch fails, and Auto Scaling replaces it.
"""

from collections.abc import Iterable
from typing import Any

from lambdas.aws import executions, formation_record, run_command, seals
from lambdas.domain.errors import FormationFailed, NodeFailed
from lambdas.domain.failure import Failure
from lambdas.domain.formation import Arrival, founders_to_replace
from lambdas.observability import count, decided, entry
from lambdas.settings import Settings


@entry
def handler(event: dict[str, Any], context: object) -> dict[str, str]:
    """`event`: {"execution": ARN, "failure": {Error, Cause}}. Returns {"cause"} for the Fail state."""
    settings = Settings.from_environment()
    table = settings.table_name
    failure = Failure.from_state(event["failure"])
    if formation_record.conclude(table, execution=event["execution"], status="failed", reason=failure.cause):
        # The seals stay open: the seed may be about to store what Vault gave it just now, and would lose it.
        _release(table, failure)
    else:
        record = formation_record.read(table)
        if record.at_rest:  # it ended before it could claim the record
            _wake(formation_record.arrivals(table), failure)
        elif record.status == "formed":  # it ended between the record and the seals
            seals.close(settings)
    count("FormationsFailed")
    decided(failure.cause)
    return {"cause": failure.cause}


def _release(table: str, failure: Failure) -> None:
    members = formation_record.read(table).members
    silent = {one.instance_id for one in members if not run_command.agent_is_online(one.instance_id)}
    replaced = founders_to_replace(failure, members, silent)
    # Those to replace first: whoever is told to try again chooses among the arrivals that are left.
    waiting = formation_record.arrivals(table)
    for arrival in (one for one in waiting if one.node.instance_id in replaced):
        instance_id = arrival.node.instance_id
        decided(f"{instance_id} is replaced before the next attempt", node=instance_id)
        executions.fail_task(arrival.token, NodeFailed.__name__, f"formation failed with it: {failure.cause}")
        formation_record.leave(table, instance_id)
    _wake((one for one in waiting if one.node.instance_id not in replaced), failure)


def _wake(arrivals: Iterable[Arrival], failure: Failure) -> None:
    """They ask again, and the first of them starts the next attempt."""
    for arrival in arrivals:
        executions.fail_task(arrival.token, FormationFailed.__name__, failure.cause)
