"""Called by node_terminate: DrainClient. Keeps the hook open and says how a client's goodbye goes on."""

import time
from typing import Any

from lambdas.aws import cluster_config, lifecycle, members, servers
from lambdas.domain.config import ClientPool
from lambdas.domain.drain import assess
from lambdas.domain.goodbye import Goodbye
from lambdas.domain.names import autoscaling_group
from lambdas.domain.node import find_group, in_service
from lambdas.domain.phases import Phase
from lambdas.domain.plans.leaving import plan_drain
from lambdas.domain.plans.site import Site
from lambdas.observability import decided, entry
from lambdas.settings import Settings


@entry
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`event`: {"goodbye", "drain": what this returned before, with `asked`, "execution"}."""
    settings = Settings.from_environment()
    goodbye, drain = Goodbye.model_validate(event["goodbye"]), event["drain"]
    if goodbye.lifecycle:
        lifecycle.keep_open(goodbye.lifecycle)
    config = cluster_config.load(settings.config_parameter)
    pool = find_group(config, autoscaling_group(config.name, goodbye.group))
    assert isinstance(pool, ClientPool)
    verdict = assess(goodbye, pool.drain_minutes * 60, drain, time.time())
    decided(verdict.reason, node=goodbye.subject)
    told: dict[str, Any] = {"round": verdict.round, "failures": verdict.failures, "asked": []}
    if verdict.drains and goodbye.node:
        scope = f"{event['execution']}#drain{verdict.round}"
        found = servers.find(config, members.every(settings.table_name))
        site, staying = Site.of(config, settings), in_service(config, found)
        plan = plan_drain(site, staying, goodbye.node, verdict.seconds_left, scope)
        commands = [{"commands": [command]} for command in plan.of(Phase.DRAIN)]
        return told | {"next": "drain", "commands": commands, "pause_seconds": verdict.pause_seconds}
    return told | {"next": "leave"}
