"""Called by every machine's Send state, by task token: put one command on its way, or find out what became of it."""

from dataclasses import replace
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
        answers.answer_success(replace(before, token=token), before.result)
        return
    if before and before.status == "sent":
        decided("under way: the new token takes over its answer", dispatch=command.dispatch_key)
        command_id = before.command_id
        dispatches.adopt(table, command, command_id, token)
    else:
        command_id = run_command.send(command)
        dispatches.record(table, command, command_id, token)
        decided("sent", dispatch=command.dispatch_key, command=command_id)
    # The status event may have come before the token was stored; whoever reads second answers.
    if sent := dispatches.by_command(table, command_id):
        answers.answer_if_ended(table, sent)
