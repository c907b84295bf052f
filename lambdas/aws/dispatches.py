"""What was sent, and whose task token waits for the answer. See "The command contract" in docs/architecture.md."""

import time
from dataclasses import dataclass
from typing import Any

from lambdas.aws import table
from lambdas.domain.commands import Command

KEEP_DAYS = 30


@dataclass(frozen=True)
class Dispatch:
    """What is known of a piece of work."""

    command_id: str
    status: str
    """`sent`, `succeeded` or `failed`: what a waiting task was told last."""
    result: dict[str, Any]


@dataclass(frozen=True)
class Waiting:
    """A command that is under way, and the task that waits for it."""

    command_id: str
    instance_id: str
    component: str
    phase: str
    token: str
    dispatch_key: str


def find(name: str, command: Command) -> Dispatch | None:
    item = table.get(name, "dispatch", command.dispatch_key)
    return None if item is None else Dispatch(item["command_id"], item["status"], item.get("result", {}))


def record(name: str, command: Command, command_id: str) -> None:
    """Keep which command does the work. Before anybody waits for it: a sender that dies in between is found out by the
    repetition of its task, and whoever concludes a command finds the work it did.
    """
    table.put(name, "dispatch", command.dispatch_key, _dispatch(command_id, "sent"))


def wait(name: str, command: Command, command_id: str, token: str) -> Waiting:
    """From now on the task of that token is told how the command ends; whoever waited before is told no more.

    The command may have ended already, and its status event found nobody: read its invocation after this.
    """
    item = {
        "instance_id": command.instance_id,
        "component": command.component,
        "phase": command.phase,
        "token": token,
        "dispatch_key": command.dispatch_key,
    }
    due = {"due_at": time.time() + command.answer_within_seconds, "expires_at": table.expiry(KEEP_DAYS)}
    table.put(name, "command", command_id, item | due)
    return Waiting(command_id=command_id, **item)


def waiting(name: str, command_id: str) -> Waiting | None:
    """None where nobody waits yet or any more, and where it is no command of ours."""
    item = table.get(name, "command", command_id)
    return None if item is None else _waiting(item)


def overdue(name: str, now: float) -> list[Waiting]:
    """Commands whose end nobody told, although their time is over: the status event was lost."""
    return [_waiting(item) for item in table.query(name, "command") if item["due_at"] <= now]


def conclude(name: str, ended: Waiting, *, status: str, result: dict[str, Any]) -> None:
    """Keep what the command came to, for a repetition within its scope. No more where another does the work by now."""
    item = _dispatch(ended.command_id, status) | {"result": result}
    mine = {"mine": ended.command_id}
    table.put(name, "dispatch", ended.dispatch_key, item, condition="#command_id = :mine", values=mine)


def under_way(name: str) -> int:
    """How many commands somebody waits for."""
    return len(table.query(name, "command"))


def forget(name: str, told: Waiting) -> None:
    """Nobody waits any more; unless another token took over meanwhile, whose task has not been told."""
    table.delete(name, "command", told.command_id, condition="#token = :told", values={"told": told.token})


def _dispatch(command_id: str, status: str) -> table.Item:
    return {"command_id": command_id, "status": status, "expires_at": table.expiry(KEEP_DAYS)}


def _waiting(item: table.Item) -> Waiting:
    return Waiting(
        command_id=item["sk"],
        instance_id=item["instance_id"],
        component=item["component"],
        phase=item["phase"],
        token=item["token"],
        dispatch_key=item["dispatch_key"],
    )
