"""What was sent, and whose task token waits for the answer. See "The command contract" in docs/architecture.md."""

import time
from dataclasses import dataclass
from typing import Any

from lambdas.aws import table
from lambdas.domain.commands import Command

KEEP_DAYS = 30


@dataclass(frozen=True)
class Dispatch:
    command_id: str
    instance_id: str
    component: str
    phase: str
    status: str
    """`sent`, `succeeded` or `failed`: what the waiting task was told last."""
    token: str
    result: dict[str, Any]


def find(name: str, command: Command) -> Dispatch | None:
    item = table.get(name, "dispatch", command.dispatch_key)
    return None if item is None else _dispatch(item)


def record(name: str, command: Command, command_id: str, token: str) -> None:
    """Store the token under the command id, then the command id under the work it does.

    In this order: whoever finds the work finds its command too, even if the sender dies in between.
    """
    common = {
        "command_id": command_id,
        "instance_id": command.instance_id,
        "component": command.component,
        "phase": command.phase,
        "status": "sent",
        "token": token,
        "expires_at": table.expiry(KEEP_DAYS),
    }
    table.put(name, "command", command_id, common | {"dispatch": command.dispatch_key})
    table.put(name, "dispatch", command.dispatch_key, common)
    under_way = {"due_at": time.time() + command.answer_within_seconds, "expires_at": table.expiry(KEEP_DAYS)}
    table.put(name, "pending", command_id, under_way)


def adopt(name: str, command: Command, command_id: str, token: str) -> None:
    """A repeated task takes over the answer of the command that is under way."""
    table.update(name, "dispatch", command.dispatch_key, {"token": token})
    table.update(name, "command", command_id, {"token": token})


def by_command(name: str, command_id: str) -> Dispatch | None:
    item = table.get(name, "command", command_id)
    return None if item is None else _dispatch(item)


def conclude(name: str, command_id: str, *, status: str, result: dict[str, Any]) -> None:
    """Keep what the command came to, for a repetition within its scope; nobody has to look after it any more."""
    item = table.update(name, "command", command_id, {"status": status})
    if item is not None and "dispatch" in item:
        table.update(
            name,
            "dispatch",
            item["dispatch"],
            {"status": status, "result": result},
            condition="#command_id = :mine",
            values={"mine": command_id},
        )
    table.delete(name, "pending", command_id)


def overdue(name: str, now: float) -> list[str]:
    """Ids of commands whose end nobody told, although their time is over: the status event was lost."""
    return [item["sk"] for item in table.query(name, "pending") if item["due_at"] <= now]


def forget(name: str, command_id: str) -> None:
    table.delete(name, "pending", command_id)


def _dispatch(item: table.Item) -> Dispatch:
    return Dispatch(
        command_id=item["command_id"],
        instance_id=item["instance_id"],
        component=item["component"],
        phase=item["phase"],
        status=item["status"],
        token=item["token"],
        result=item.get("result", {}),
    )
