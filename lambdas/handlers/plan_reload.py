"""Called by renew_certificates: PlanReload. How a new certificate gets into use on its node."""

from typing import Any

from lambdas.aws import cluster_config
from lambdas.domain.delivery import Delivery
from lambdas.domain.node import Node
from lambdas.domain.phases import Phase
from lambdas.domain.plans.renewing import plan_renewal
from lambdas.domain.plans.site import Site
from lambdas.observability import entry
from lambdas.settings import Settings


@entry
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`event`: {"node", "certificate": Delivery, "execution"}. Returns commands by phase."""
    settings = Settings.from_environment()
    config = cluster_config.load(settings.config_parameter)
    site = Site.of(config, settings)
    certificate = Delivery.model_validate(event["certificate"])
    plan = plan_renewal(site, Node.model_validate(event["node"]), certificate, scope=event["execution"])
    return {phase.value: plan.of(phase) for phase in (Phase.CONFIGURE, Phase.RELOAD, Phase.VERIFY)}
