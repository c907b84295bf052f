"""Called by form_cluster: BeginFormation. Claims the record, chooses the founders, renders their configuration,
and opens the sealed secrets to the seeds among them."""

from typing import Any

from lambdas.aws import bucket, cluster_config, formation_record, instances, seals
from lambdas.domain import names
from lambdas.domain.errors import FormationFailed
from lambdas.domain.formation import choose_founders, formation_scope, missing_servers, readers_of_sealed
from lambdas.domain.phases import FORMATION_PHASES
from lambdas.domain.plans.joining import plan_formation
from lambdas.domain.plans.site import Site
from lambdas.observability import decided, entry
from lambdas.settings import Settings


@entry
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`event`: {"execution": ARN, "attempt": int}. Raises FormationFailed: incomplete, or too late."""
    settings = Settings.from_environment()
    table, execution = settings.table_name, event["execution"]
    record = formation_record.claim(table, execution=execution, attempt=int(event["attempt"]))
    if record is None:
        raise FormationFailed("the cluster is formed, or a later attempt owns its formation")
    config = cluster_config.load(settings.config_parameter)
    groups = [names.autoscaling_group(config.name, group.name) for group in config.server_groups]
    founders = choose_founders(config, formation_record.arrivals(table), instances.alive(groups))
    if missing := missing_servers(config, founders):
        raise FormationFailed(f"servers were lost before formation began: {missing}")
    members = tuple(founder.node for founder in founders)
    formation_record.keep_members(table, execution=execution, members=members)
    plan = plan_formation(
        Site.of(config, settings),
        [(founder.node, founder.certificate) for founder in founders],
        generation=record.generation,
        scope=formation_scope(config.name, record.generation),
    )
    bucket.deliver(settings, plan.parcels)
    seals.open_to(settings, readers_of_sealed(members))
    decided(
        f"attempt {record.attempt} with {', '.join(member.instance_id for member in members)}",
        fencing=record.fencing,
    )
    return {phase.value: plan.of(phase) for phase in FORMATION_PHASES}
