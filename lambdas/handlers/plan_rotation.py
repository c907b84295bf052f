"""Called by rotate_secrets: PlanTurn. Begins a rotation or goes on with one, takes the membership lease, and says what
is to be done in this turn."""

import time
from typing import Any

from lambdas.aws import bucket, cluster_config, formation_record, lease, members, rotation_record, servers
from lambdas.domain.goodbye import pause_seconds
from lambdas.domain.node import describe_server
from lambdas.domain.plan import Site, plan_rekey
from lambdas.domain.rotation import MAXIMUM_TURNS, Request, choose_server, everybody
from lambdas.observability import decided, entry
from lambdas.settings import Settings


@entry
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`event`: {"request": Request, "turn": the turn before, "execution"}. Returns the turn, with `next`: run, wait
    or stop, and the `commands` of a Map whose items are {"commands": [one]}."""
    settings = Settings.from_environment()
    table, execution, before = settings.table_name, event["execution"], event["turn"]
    turn = {**before, "number": before["number"] + 1}
    request = Request.model_validate(event["request"])
    begins = before["number"] == 0 and request.by != "sweep"
    if formation_record.read(table).status != "formed":
        decided("no cluster is formed: nothing to rotate")
        return turn | {"next": "stop"}
    rotation = (
        rotation_record.begin(table, execution, request.stages) if begins else rotation_record.go_on(table, execution)
    )
    if rotation is None or rotation.stage is None or turn["number"] > MAXIMUM_TURNS:
        decided("another execution rotates, or none has to, or this one had its turns")
        return turn | {"next": "stop"}
    stage, waiting = rotation.stage, turn | {"next": "wait", "pause_seconds": pause_seconds(turn["waits"] + 1)}
    config = cluster_config.load(settings.config_parameter)
    nodes = servers.every(config, members.every(table))
    server = choose_server(nodes, stage.product, turn["number"])
    taken = lease.take(table, execution, time.time()) if server else None
    if server is None or taken is None:
        decided(f"{stage.name}: waits for {'its turn' if server else f'a server of {stage.product} that answers'}")
        return waiting
    site = Site(config, settings.bucket_name, settings.unseal_key_id, table)
    expected, node = everybody(nodes, stage.product), describe_server(config, server)
    scope = f"{execution}#{taken.fencing}"
    plan = plan_rekey(site, node, stage, rotation.number, expected, taken.fencing, scope)
    bucket.deliver(settings, plan.parcels)
    decided(f"rotation {rotation.number}, {stage.name}: {len(expected)} nodes have to follow", node=server.instance_id)
    commands = [{"commands": [command]} for command in plan.of(stage.phase)]
    return turn | {"next": "run", "at": rotation.at, "fencing": taken.fencing, "commands": commands}
