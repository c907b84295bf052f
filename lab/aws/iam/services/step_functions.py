"""Step Functions: the state machine, the execution, and the machine that a task token is of."""

from collections.abc import Iterable

from lab.aws.iam.account import Account
from lab.aws.iam.calls import ApiCall
from lab.aws.iam.needs import Need, Row, Rows, anywhere


def _on(operation: str, parameter: str) -> Row:
    def row(call: ApiCall, account: Account) -> Iterable[Need]:
        return (Need(f"states:{operation}", call.text(parameter)),)

    return row


def _answering(operation: str) -> Row:
    def row(call: ApiCall, account: Account) -> Iterable[Need]:
        # A token that was never given out is of no machine, and Step Functions calls it invalid, whoever asks.
        machine = account.machine_of(call.text("taskToken"))
        return (Need(f"states:{operation}", machine),) if machine else ()

    return row


ROWS: Rows = {
    "DescribeExecution": _on("DescribeExecution", "executionArn"),
    "DescribeStateMachine": _on("DescribeStateMachine", "stateMachineArn"),
    "GetExecutionHistory": _on("GetExecutionHistory", "executionArn"),
    "ListExecutions": _on("ListExecutions", "stateMachineArn"),
    "ListStateMachines": anywhere("states:ListStateMachines"),
    "SendTaskFailure": _answering("SendTaskFailure"),
    "SendTaskHeartbeat": _answering("SendTaskHeartbeat"),
    "SendTaskSuccess": _answering("SendTaskSuccess"),
    "StartExecution": _on("StartExecution", "stateMachineArn"),
    "StopExecution": _on("StopExecution", "executionArn"),
}
