"""Called by node_terminate: PlanTerminate. Decides whether the instance may go, and how it says goodbye."""

from typing import Any

from lambdas.aws import claims, cluster_config, formation_record, instances
from lambdas.domain.errors import EventNotOurs
from lambdas.domain.events import LifecycleAction
from lambdas.domain.goodbye import decide_goodbye
from lambdas.domain.node import describe_node
from lambdas.domain.phases import Phase
from lambdas.domain.plan import Site, plan_leave
from lambdas.observability import decided, entry
from lambdas.settings import Settings


@entry
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`event`: {"event": EventBridge event, "execution": ARN}. Returns {"result", "reason", "leave"}."""
    settings = Settings.from_environment()
    action = LifecycleAction.parse(event["event"], cluster=settings.cluster_name, kind="terminate")
    if not claims.take(settings.table_name, action.token, event["execution"]):
        raise EventNotOurs(f"the goodbye of {action.instance_id} is in the hands of another execution")
    config = cluster_config.load(settings.config_parameter)
    instance = instances.describe_if_running(action.instance_id)
    node = describe_node(config, instance, action.autoscaling_group) if instance else None
    goodbye = decide_goodbye(formation_record.read(settings.table_name), node)
    decided(goodbye.reason, node=action.instance_id, result=goodbye.result)
    site = Site(config, settings.bucket_name, settings.unseal_key_id, settings.table_name)
    leave = plan_leave(site, node, scope=event["execution"]).of(Phase.LEAVE) if node and goodbye.says_goodbye else []
    return {"result": goodbye.result, "reason": goodbye.reason, "leave": leave}
