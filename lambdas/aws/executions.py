"""Step Functions: starting an attempt of formation, and answering task tokens."""

import json
from typing import Any

from botocore.exceptions import ClientError

from lambdas.aws.clients import client
from lambdas.aws.errors import code_of

CAUSE_LIMIT = 32_768
"""Characters that a cause may have (SendTaskFailure API reference)."""


def start(machine_arn: str, name: str, given: dict[str, Any]) -> bool:
    """Start a named execution. False where the name was used before and that execution has ended."""
    try:
        client("stepfunctions").start_execution(stateMachineArn=machine_arn, name=name, input=json.dumps(given))
    except ClientError as error:
        if code_of(error) == "ExecutionAlreadyExists":
            return False
        raise
    return True


def is_running(execution_arn: str) -> bool:
    try:
        return bool(client("stepfunctions").describe_execution(executionArn=execution_arn)["status"] == "RUNNING")
    except ClientError as error:
        if code_of(error) == "ExecutionDoesNotExist":
            return False
        raise


def succeed_task(token: str, output: dict[str, Any]) -> bool:
    """Answer a token. False where the task no longer waits: answered before, timed out, or its execution ended."""
    return _answer("send_task_success", taskToken=token, output=json.dumps(output))


def fail_task(token: str, error: str, cause: str) -> bool:
    return _answer("send_task_failure", taskToken=token, error=error, cause=cause[:CAUSE_LIMIT])


def _answer(call: str, **arguments: str) -> bool:
    try:
        getattr(client("stepfunctions"), call)(**arguments)
    except ClientError as error:
        if code_of(error) in {"TaskTimedOut", "TaskDoesNotExist", "InvalidToken"}:
            return False
        raise
    return True
