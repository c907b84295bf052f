"""Called by sweep: PlanSweep. Whom to ask about the cluster's membership; nobody, while there is none."""

from typing import Any

from lambdas.aws import cluster_config, formation_record, members, servers
from lambdas.domain.node import describe_server
from lambdas.domain.phases import Phase
from lambdas.domain.plans.leaving import plan_observation
from lambdas.domain.plans.site import Site
from lambdas.observability import decided, entry
from lambdas.settings import Settings


@entry
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`event`: {"execution"}. Takes no lease: it looks, and changes no membership."""
    settings = Settings.from_environment()
    record = formation_record.read(settings.table_name)
    if record.status != "formed":
        decided(f"formation is {record.status}: no membership to ask about")
        return {"formed": False, "observe": []}
    config = cluster_config.load(settings.config_parameter)
    found = servers.find(config, members.every(settings.table_name))
    site = Site.of(config, settings)
    nodes = [describe_server(config, one) for one in found if one.reachable]
    commands = plan_observation(site, nodes, scope=event["execution"]).of(Phase.OBSERVE)
    return {"formed": True, "observe": [{"commands": [command]} for command in commands]}
