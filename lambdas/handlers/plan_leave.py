"""Called by node_terminate: PlanLeave. What a node is a client of, it leaves, and servers take it off their lists."""

from typing import Any

from lambdas.aws import cluster_config, members, servers
from lambdas.domain.components import role_of
from lambdas.domain.goodbye import Goodbye
from lambdas.domain.names import autoscaling_group
from lambdas.domain.node import describe_server, find_group, in_service
from lambdas.domain.phases import Phase
from lambdas.domain.plans.leaving import plan_leave, plan_purge
from lambdas.domain.plans.site import Site
from lambdas.observability import decided, entry
from lambdas.settings import Settings


@entry
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`event`: {"goodbye", "execution"}. Returns {"leave", "purge"}: commands on the node, and on servers that stay.
    Both are empty for a node that serves all that it has, and where no cluster exists or nobody knows the node."""
    settings = Settings.from_environment()
    goodbye, scope = Goodbye.model_validate(event["goodbye"]), event["execution"]
    if goodbye.kind == "stranger" or not goodbye.group:
        decided("it is a client of nothing", node=goodbye.subject)
        return {"leave": [], "purge": []}
    config = cluster_config.load(settings.config_parameter)
    site = Site.of(config, settings)
    found = servers.find(config, members.every(settings.table_name))
    node = goodbye.node
    if goodbye.kind == "server":  # its goodbye may have begun hours ago
        own = (one for one in found if one.instance_id == goodbye.subject and one.reachable)
        node = next((describe_server(config, one) for one in own), None)
    leave = plan_leave(site, node, scope).of(Phase.LEAVE) if node else []
    role = role_of(find_group(config, autoscaling_group(config.name, goodbye.group)))
    purge = plan_purge(site, in_service(config, found), goodbye.subject, role, scope).of(Phase.REMOVE)
    decided(f"it leaves {len(leave)} products as a client, {len(purge)} forget it", node=goodbye.subject)
    return {"leave": leave, "purge": purge}
