"""Called by the rule on Run Command's invocation status events: a command ended, its task goes on."""

from typing import Any

from lambdas.aws import answers, dispatches
from lambdas.domain.errors import EventNotOurs
from lambdas.domain.events import CommandStatus
from lambdas.domain.outcome import TERMINAL_STATUSES
from lambdas.observability import decided, entry
from lambdas.settings import Settings


@entry
def handler(event: dict[str, Any], context: object) -> None:
    table = Settings.from_environment().table_name
    try:
        status = CommandStatus.parse(event)
    except EventNotOurs as ignored:
        decided(f"dropped: {ignored}")
        return
    if status.status not in TERMINAL_STATUSES:
        return
    waiting = dispatches.waiting(table, status.command_id)
    if waiting is None:
        decided("nobody waits for it: not yet, not any more, or it is not ours", command=status.command_id)
        return
    outcome = answers.answer_if_ended(table, waiting)
    if outcome:
        decided(outcome.reason, command=status.command_id, node=status.instance_id)
