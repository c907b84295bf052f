"""Called by node_launch: PlanMembership. What the node still has to do to be a member, by its role."""

from typing import Any

from lambdas.aws import bucket, cluster_config, formation_record, members, servers
from lambdas.domain.delivery import Delivery
from lambdas.domain.introduction import choose_introducer, is_introduced
from lambdas.domain.node import Node, describe_server
from lambdas.domain.phases import Phase
from lambdas.domain.plans.joining import plan_introduction, plan_membership
from lambdas.domain.plans.plan import Plan
from lambdas.domain.plans.site import Site
from lambdas.observability import decided, entry
from lambdas.settings import Settings


@entry
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`event`: {"node", "certificate": Delivery, "pem": the certificate itself, "role": founder|joiner, "execution"}.

    Raises NodeNotReady where nobody can introduce a client.
    """
    settings = Settings.from_environment()
    node = Node.model_validate(event["node"])
    site = Site.of(cluster_config.load(settings.config_parameter), settings)
    certificate, scope = Delivery.model_validate(event["certificate"]), event["execution"]
    plan = plan_membership(site, node, certificate, event["role"], scope=scope)
    introduction = Plan({})
    if is_introduced(site.config, node):
        introduction = plan_introduction(site, _introducer(settings, site, node), node, event["pem"], scope=scope)
    bucket.deliver(settings, (*plan.parcels, *introduction.parcels))
    decided(f"{node.instance_id} goes on as {event['role']}", node=node.instance_id)
    return {
        "configure": plan.of(Phase.CONFIGURE) + introduction.of(Phase.INTRODUCE),
        "start": plan.of(Phase.START),
        "verify": plan.of(Phase.VERIFY),
    }


def _introducer(settings: Settings, site: Site, client: Node) -> Node:
    verified = members.every(settings.table_name)
    founders = formation_record.read(settings.table_name).members
    known = {one.instance_id for one in verified} | {one.instance_id for one in founders}
    chosen = choose_introducer(servers.find(site.config, verified), known, client.instance_id)
    decided(f"{chosen.instance_id} introduces {client.instance_id}", node=client.instance_id)
    return describe_server(site.config, chosen)
