"""Called by node_launch: PlanStart. What is started, with what a server said of a new client meanwhile."""

from typing import Any

from lambdas.domain.commands import Command
from lambdas.domain.introduction import hand_on
from lambdas.observability import entry


@entry
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`event`: {"start": commands, "configured": results of Configure}. Returns the commands. Raises NodeFailed."""
    start = [Command.model_validate(one) for one in event["start"]]
    return {"start": [command.model_dump(mode="json") for command in hand_on(start, event["configured"])]}
