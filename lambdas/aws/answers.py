"""From a command's end to the answer that its state machine waits for."""

from lambdas.aws import dispatches, executions, run_command
from lambdas.aws.dispatches import Waiting
from lambdas.domain.commands import Command
from lambdas.domain.outcome import TERMINAL_STATUSES, Outcome, read_outcome


def answer_if_ended(table_name: str, waiting: Waiting) -> Outcome | None:
    """Tell the waiting task how its command ended, or return None while it runs.

    What the command came to is kept first: an answer that gets lost is given again when the task asks once more. That
    the task waits is forgotten last: whoever dies before that is followed by the sweep.
    """
    invocation = run_command.read(waiting.command_id, waiting.instance_id)
    if invocation is None or invocation.status not in TERMINAL_STATUSES:
        return None
    outcome = read_outcome(invocation, component=waiting.component, phase=waiting.phase)
    status = "failed" if outcome.error else "succeeded"
    dispatches.conclude(table_name, waiting, status=status, result=outcome.result)
    if outcome.error:
        executions.fail_task(waiting.token, outcome.error.__name__, f"{waiting.instance_id}: {outcome.reason}")
    else:
        answer_success(waiting, waiting.token, outcome.result)
    dispatches.forget(table_name, waiting)
    return outcome


def answer_success(work: Command | Waiting, token: str, result: dict[str, object]) -> None:
    executions.succeed_task(
        token,
        {
            "instance_id": work.instance_id,
            "component": work.component,
            "phase": work.phase,
            "result": result,
        },
    )
