"""From a command's end to the answer that its state machine waits for."""

from lambdas.aws import dispatches, executions, run_command
from lambdas.aws.dispatches import Dispatch
from lambdas.domain.outcome import TERMINAL_STATUSES, Outcome, read_outcome


def answer_if_ended(table_name: str, dispatch: Dispatch) -> Outcome | None:
    """Tell the waiting task how `dispatch` ended, or return None while it runs.

    What the command came to is kept first: an answer that gets lost is given again when the task asks once more.
    """
    invocation = run_command.read(dispatch.command_id, dispatch.instance_id)
    if invocation is None or invocation.status not in TERMINAL_STATUSES:
        return None
    outcome = read_outcome(invocation, component=dispatch.component, phase=dispatch.phase)
    status = "failed" if outcome.error else "succeeded"
    dispatches.conclude(table_name, dispatch.command_id, status=status, result=outcome.result)
    if outcome.error:
        executions.fail_task(dispatch.token, outcome.error.__name__, f"{dispatch.instance_id}: {outcome.reason}")
    else:
        answer_success(dispatch, outcome.result)
    return outcome


def answer_success(dispatch: Dispatch, result: dict[str, object]) -> None:
    executions.succeed_task(
        dispatch.token,
        {
            "instance_id": dispatch.instance_id,
            "component": dispatch.component,
            "phase": dispatch.phase,
            "result": result,
        },
    )
