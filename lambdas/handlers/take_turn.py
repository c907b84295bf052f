"""Called by node_terminate: TakeTurn. Keeps the hook open, takes the membership lease, and says whom to ask."""

import time
from typing import Any

from lambdas.aws import cluster_config, lease, lifecycle, members, servers
from lambdas.domain.goodbye import Goodbye, is_overdue, pause_seconds
from lambdas.domain.node import describe_server
from lambdas.domain.phases import Phase
from lambdas.domain.plans.leaving import plan_observation
from lambdas.domain.plans.site import Site
from lambdas.observability import decided, entry
from lambdas.settings import Settings


@entry
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`event`: {"goodbye", "turn": the turn before, "execution"}. Returns the turn, with `next`:
    observe, wait, hold or stop.

    The lease's number grows with each turn, so a command of the turn before that is still on its way does nothing.
    """
    settings = Settings.from_environment()
    goodbye, execution, now = Goodbye.model_validate(event["goodbye"]), event["execution"], time.time()
    turn = {**event["turn"], "number": event["turn"]["number"] + 1}
    if goodbye.lifecycle:
        lifecycle.keep_open(goodbye.lifecycle)
    if is_overdue(turn["number"], turn.get("changed_at", goodbye.started_at), now):
        return turn | {"next": "hold" if goodbye.lifecycle else "stop"}
    taken = lease.take(settings.table_name, execution, now)
    if taken is None:
        decided("another goodbye has its turn", node=goodbye.subject)
        awaited = event["turn"].get("awaited", 0) + 1
        told = {"awaited": awaited, "pause_seconds": pause_seconds(awaited)}  # and the number stays: nothing was asked
        return {**event["turn"], **told, "next": "wait" if goodbye.lifecycle else "stop"}
    config = cluster_config.load(settings.config_parameter)
    found = servers.find(config, members.every(settings.table_name))
    nodes = [describe_server(config, one) for one in found if one.reachable]
    site = Site.of(config, settings)
    plan = plan_observation(site, nodes, scope=f"{execution}#{taken.fencing}")
    asked = [{"commands": [command]} for command in plan.of(Phase.OBSERVE)]
    decided(f"turn {turn['number']}: asks {len(asked)} servers", fencing=taken.fencing)
    return turn | {"next": "observe", "fencing": taken.fencing, "awaited": 0, "observe": asked}
