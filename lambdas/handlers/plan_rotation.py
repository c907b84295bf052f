"""Called by rotate_secrets: PlanTurn. Begins a rotation or goes on with one, takes the membership lease where the turn
needs it, and says what is to be done."""

import time
from typing import Any

from lambdas.aws import (
    bucket,
    cluster_config,
    dispatches,
    formation_record,
    lease,
    members,
    rotation_record,
    seals,
    servers,
)
from lambdas.domain.config import ClusterConfig
from lambdas.domain.goodbye import pause_seconds
from lambdas.domain.node import describe_server
from lambdas.domain.phases import Phase
from lambdas.domain.plans.renewing import plan_rotation
from lambdas.domain.plans.site import Site
from lambdas.domain.rotation import (
    MAXIMUM_TURNS,
    Choice,
    Request,
    Rotation,
    Stage,
    choose,
    everybody,
    readers_of_sealed,
)
from lambdas.observability import decided, entry
from lambdas.settings import Settings


@entry
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`event`: {"request": Request, "turn": the turn before, "execution"}. Returns the turn, with `next`: run, turn,
    wait, done or stop, and the `commands` of a Map whose items are {"commands": [one]}."""
    settings = Settings.from_environment()
    execution, turn = event["execution"], {**event["turn"], "number": event["turn"]["number"] + 1}
    rotation = _mine(settings.table_name, execution, Request.model_validate(event["request"]), turn["number"])
    if rotation is None or rotation.stage is None or turn["number"] > MAXIMUM_TURNS:
        decided("another execution rotates, or nothing has to, or this one had its turns")
        return turn | {"next": "stop"}
    stage, config = rotation.stage, cluster_config.load(settings.config_parameter)
    nodes = servers.every(config, members.every(settings.table_name))
    chosen = choose(nodes, stage, rotation.followed, turn["number"])
    if chosen.over:
        decided(f"rotation {rotation.number}, {stage.name}: every node has followed")
        after = rotation_record.advance(settings.table_name, rotation)
        return turn | {"waits": 0, "said": "", "next": "turn" if after and after.stage else "done" if after else "stop"}
    fencing, obstacle = _prepare(settings, execution, rotation, chosen)
    if obstacle:
        decided(f"{stage.name} waits: {obstacle}")
        waits = turn["waits"] + 1
        return turn | {"waits": waits, "next": "wait", "pause_seconds": pause_seconds(waits)}
    commands = _commands(settings, config, chosen, stage, rotation.number, everybody(nodes, stage), fencing, execution)
    decided(f"rotation {rotation.number}, {stage.name}: {len(commands)} commands", turn=turn["number"])
    return (
        turn
        | {"next": "run", "at": rotation.at, "fencing": fencing, "opened": stage.phase is Phase.REISSUE}
        | {"commands": commands}
    )


def _mine(table: str, execution: str, request: Request, turn: int) -> Rotation | None:
    if formation_record.read(table).status != "formed":
        decided("no cluster is formed: nothing to rotate")
        return None
    if turn == 1 and request.by != "sweep":
        return rotation_record.begin(table, execution, request.stages)
    return rotation_record.go_on(table, execution)


def _prepare(settings: Settings, execution: str, rotation: Rotation, chosen: Choice) -> tuple[int, str]:
    """The lease's number, 0 where none is needed, and what is in the way."""
    if not chosen.nodes:
        return 0, "no server answers"
    retires = rotation.stage is not None and rotation.stage.step == "retire"
    # What a command read before the last node adopted the new one, it may use until it ends. What begins later reads
    # the new one: a moment without any is enough.
    if retires and (under_way := dispatches.under_way(settings.table_name)):
        return 0, f"{under_way} commands are under way that may still use what was before"
    if not chosen.fenced:
        return 0, ""
    taken = lease.take(settings.table_name, execution, time.time())
    return (taken.fencing, "") if taken else (0, "a goodbye has its turn")


def _commands(
    settings: Settings,
    config: ClusterConfig,
    chosen: Choice,
    stage: Stage,
    number: int,
    expected: tuple[str, ...],
    fencing: int,
    execution: str,
) -> list[dict[str, Any]]:
    site = Site.of(config, settings)
    nodes = [describe_server(config, one) for one in chosen.nodes]
    scope = f"{execution}#{fencing or time.time_ns()}"
    plan = plan_rotation(site, nodes, stage, number, expected, fencing, scope)
    bucket.deliver(settings, plan.parcels)
    seals.open_to(settings, readers_of_sealed(stage, chosen.nodes))
    return [{"commands": [command]} for command in plan.of(stage.phase)]
