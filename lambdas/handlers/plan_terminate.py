"""Called by node_terminate: PlanTerminate. Whose goodbye it is, and whether somebody runs it already."""

import time
from typing import Any

from lambdas.aws import claims, cluster_config, formation_record, instances, lifecycle, members
from lambdas.aws.lifecycle import Standing
from lambdas.domain import names
from lambdas.domain.config import ClientPool, ClusterConfig
from lambdas.domain.errors import EventNotOurs
from lambdas.domain.events import LifecycleAction
from lambdas.domain.goodbye import Goodbye, Kind
from lambdas.domain.membership.observation import ORPHAN
from lambdas.domain.node import describe_node, find_group
from lambdas.observability import decided, entry
from lambdas.settings import Settings


@entry
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`event`: {"event": EventBridge event or {"subject"} of the sweep, "execution": ARN}. Raises EventNotOurs."""
    settings = Settings.from_environment()
    table, told = settings.table_name, event["event"]
    action = None
    if "subject" not in told:
        action = LifecycleAction.parse(told, cluster=settings.cluster_name, kind="terminate")
    subject = action.instance_id if action else str(told["subject"])
    if claims.take(table, "goodbye", subject, event["execution"]) is None:
        raise EventNotOurs(f"the goodbye of {subject} is in the hands of another execution")
    config = cluster_config.load(settings.config_parameter)
    orphan = subject.startswith(ORPHAN)
    standing = None if orphan else lifecycle.find(subject)
    member = None if orphan else members.find(table, subject)
    if action and standing is None and member is None:
        raise EventNotOurs(f"{subject} is gone and its goodbye is over: the event came again")
    if standing and standing.leaves:
        action = action or open_action(subject, standing)
    group = names.group_of(config.name, standing.autoscaling_group) if standing else member.group if member else None
    instance = None if orphan else instances.describe_if_running(subject)
    node = describe_node(config, instance, names.autoscaling_group(config.name, group)) if instance and group else None
    formation = formation_record.read(table).status
    kind = _kind(config, group, formed=formation == "formed")
    if kind == "stranger":
        decided(f"no cluster exists yet (formation is {formation}): the server holds no vote", node=subject)
    goodbye = Goodbye(
        subject=subject,
        kind=kind,
        group=group or "",
        started_at=time.time(),
        node=node,
        lifecycle=action if standing and standing.leaves else None,
    )
    decided(f"the goodbye of {goodbye.kind} {subject} begins", node=subject)
    return goodbye.to_state()


def open_action(subject: str, standing: Standing) -> LifecycleAction:
    """The action that the instance waits in, for a sweep that saw no event of it."""
    return LifecycleAction(
        autoscaling_group=standing.autoscaling_group,
        hook=names.TERMINATE_HOOK,
        instance_id=subject,
        transition="autoscaling:EC2_INSTANCE_TERMINATING",
    )


def _kind(config: ClusterConfig, group: str | None, *, formed: bool) -> Kind:
    if not formed:
        return "stranger"
    if group is None:
        return "server"  # a peer that nobody knows any more
    found = find_group(config, names.autoscaling_group(config.name, group))
    return "client" if isinstance(found, ClientPool) else "server"
