"""Called by form_cluster: CompleteFormation. The record says formed, the secrets are sealed again, and every node
that waited goes on."""

from typing import Any

from lambdas.aws import executions, formation_record, seals
from lambdas.domain.errors import FormationFailed
from lambdas.observability import decided, entry
from lambdas.settings import Settings


@entry
def handler(event: dict[str, Any], context: object) -> None:
    """`event`: {"execution": ARN}. Raises FormationFailed where another attempt owns the record by now."""
    settings = Settings.from_environment()
    table, execution = settings.table_name, event["execution"]
    if not formation_record.conclude(table, execution=execution, status="formed", reason="all founders are up"):
        raise FormationFailed("this attempt was given up, or a later one owns the formation record")
    seals.close(settings)
    founders = {member.instance_id for member in formation_record.read(table).members}
    for arrival in formation_record.arrivals(table):
        role = "founder" if arrival.node.instance_id in founders else "joiner"
        executions.succeed_task(arrival.token, {"role": role})
        decided(f"{arrival.node.instance_id} goes on as {role}", node=arrival.node.instance_id)
