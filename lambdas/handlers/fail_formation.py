"""Called by form_cluster: FailFormation, and by the rule on executions that were cut off.

Keeps the reason and lets the waiting launches start the next attempt.
"""

from typing import Any

from lambdas.aws import executions, formation_record
from lambdas.domain.failure import Failure
from lambdas.observability import count, decided, entry
from lambdas.settings import Settings


@entry
def handler(event: dict[str, Any], context: object) -> dict[str, str]:
    """`event`: {"execution": ARN, "failure": {Error, Cause}}. Returns {"cause"} for the Fail state."""
    table = Settings.from_environment().table_name
    failure = Failure.from_state(event["failure"])
    if formation_record.conclude(table, execution=event["execution"], status="failed", reason=failure.cause):
        for arrival in formation_record.arrivals(table):
            executions.fail_task(arrival.token, "FormationFailed", failure.cause)
    count("FormationsFailed")
    decided(failure.cause)
    return {"cause": failure.cause}
