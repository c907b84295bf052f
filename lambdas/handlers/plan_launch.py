"""Called by node_launch: PlanLaunch. Takes the lifecycle action and says what the node installs."""

from typing import Any

from lambdas.aws import bucket, claims, cluster_config, instances, lifecycle
from lambdas.domain.errors import EventNotOurs
from lambdas.domain.events import LifecycleAction
from lambdas.domain.node import describe_node
from lambdas.domain.phases import Phase
from lambdas.domain.plans.joining import plan_install
from lambdas.domain.plans.site import Site
from lambdas.observability import decided, entry
from lambdas.settings import Settings


@entry
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`event`: {"event": EventBridge event, "execution": ARN}. Raises EventNotOurs, NodeNotReady, NodeFailed."""
    settings = Settings.from_environment()
    action = LifecycleAction.parse(event["event"], cluster=settings.cluster_name, kind="launch")
    config = cluster_config.load(settings.config_parameter)
    node = describe_node(config, instances.describe(action.instance_id), action.autoscaling_group)
    taken = claims.take(settings.table_name, "launch", action.instance_id, event["execution"])
    if taken is None:
        raise EventNotOurs(f"the launch of {action.instance_id} is in the hands of another execution")
    if taken == "over" and not ((standing := lifecycle.find(action.instance_id)) and standing.launches):
        raise EventNotOurs(f"{action.instance_id} has been launched: the event came again")
    lifecycle.keep_open(action)  # the manifest may be waited for, longer than the hook lasts by itself
    site = Site.of(config, settings)
    plan = plan_install(site, node, bucket.read_manifest(settings.bucket_name), scope=event["execution"])
    decided(f"{node.kind} {node.instance_id} of {node.group} installs", node=node.instance_id)
    return {
        "node": node.model_dump(mode="json"),
        "lifecycle": action.model_dump(mode="json", by_alias=True),
        "install": plan.of(Phase.INSTALL),
    }
