"""Called by node_launch: PlanMembership. What the node still has to do to be a member, by its role."""

from typing import Any

from lambdas.aws import bucket, cluster_config
from lambdas.domain.delivery import Delivery
from lambdas.domain.node import Node
from lambdas.domain.phases import Phase
from lambdas.domain.plan import Site, plan_membership
from lambdas.observability import decided, entry
from lambdas.settings import Settings


@entry
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`event`: {"node", "certificate": Delivery, "role": founder|joiner, "execution"}."""
    settings = Settings.from_environment()
    node = Node.model_validate(event["node"])
    site = Site(
        cluster_config.load(settings.config_parameter),
        settings.bucket_name,
        settings.unseal_key_id,
        settings.table_name,
    )
    certificate = Delivery.model_validate(event["certificate"])
    plan = plan_membership(site, node, certificate, event["role"], scope=event["execution"])
    bucket.deliver(settings, plan.parcels)
    decided(f"{node.instance_id} goes on as {event['role']}", node=node.instance_id)
    return {phase.value: plan.of(phase) for phase in (Phase.CONFIGURE, Phase.START, Phase.VERIFY)}
