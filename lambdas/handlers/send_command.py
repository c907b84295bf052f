"""Called by every machine's Send state, by task token: put one command on its way, or find out what became of it."""

from typing import Any

from lambdas.aws import answers, dispatches, run_command
from lambdas.domain.commands import Command
from lambdas.observability import decided, entry
from lambdas.settings import Settings


@entry
def handler(event: dict[str, Any], context: object) -> None:
    """`event`: {"command": Command, "token": task token}. Raises NodeNotReady, BadParameter, Throttled."""
    table = Settings.from_environment().table_name
    command, token = Command.model_validate(event["command"]), str(event["token"])
    before = dispatches.find(table, command)
    if before and before.status == "succeeded":
        decided("done before in this scope: answer with its result", dispatch=command.dispatch_key)
        answers.answer_success(command, token, before.result)
        return
    if before and before.status == "sent":
        decided("under way: the new token takes over its answer", dispatch=command.dispatch_key)
        command_id = before.command_id
    else:
        command_id = run_command.send(command)
        dispatches.record(table, command, command_id)
        decided("sent", dispatch=command.dispatch_key, command=command_id)
    waiting = dispatches.wait(table, command, command_id, token)
    answers.answer_if_ended(table, waiting)
