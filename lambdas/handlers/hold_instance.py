"""Called by node_terminate: HoldInstance. Answers ABANDON: the group retains the instance, and an alarm rings."""

from typing import Any

from lambdas.aws import instances, journal, lease, lifecycle
from lambdas.domain.goodbye import Goodbye
from lambdas.observability import count, decided, entry
from lambdas.settings import Settings


@entry
def handler(event: dict[str, Any], context: object) -> None:
    """`event`: {"goodbye", "turn", "decision": the last, "execution"}. The member record stays: the sweep goes on."""
    settings = Settings.from_environment()
    goodbye, turn = Goodbye.model_validate(event["goodbye"]), event["turn"]
    lease.release(settings.table_name, event["execution"], turn["fencing"])
    alive = instances.describe_if_running(goodbye.subject) is not None
    reason = event["decision"]["reason"]
    answer = "ABANDON" if alive else "CONTINUE"  # of a host that is gone nothing can be retained
    if goodbye.lifecycle:
        lifecycle.complete(goodbye.lifecycle, answer)
    count("InstancesHeld")
    decided(f"held: {reason}", node=goodbye.subject, answer=answer)
    outcome = "retained" if alive else "its host is gone, its peers are not"
    told = goodbye.told(settings.cluster_name, event["execution"], "hold", reason, outcome)
    journal.write(settings.table_name, told)
