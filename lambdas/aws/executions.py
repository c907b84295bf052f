"""Step Functions: starting an attempt of formation, and answering task tokens."""

import json
import re
import secrets
from typing import Any

from botocore.exceptions import ClientError

from lambdas.aws.clients import client
from lambdas.aws.errors import code_of

CAUSE_LIMIT = 32_768
"""Characters that a cause may have (SendTaskFailure API reference)."""

NAME_ROOM = 70
"""Of the 80 characters of an execution's name; the rest makes it one of its own."""


def start(machine_arn: str, name: str, given: dict[str, Any]) -> bool:
    """Start a named execution. False where the name was used before and that execution has ended."""
    try:
        client("stepfunctions").start_execution(stateMachineArn=machine_arn, name=name, input=json.dumps(given))
    except ClientError as error:
        if code_of(error) == "ExecutionAlreadyExists":
            return False
        raise
    return True


def start_for(machine_arn: str, subject: str, given: dict[str, Any]) -> None:
    """Start an execution for a subject that nobody looks after. The subject's claim sees to it that one goes on."""
    name = re.sub(r"[^A-Za-z0-9_-]", "-", f"sweep-{subject}")[:NAME_ROOM]
    client("stepfunctions").start_execution(
        stateMachineArn=machine_arn, name=f"{name}-{secrets.token_hex(4)}", input=json.dumps(given)
    )


def is_running(execution_arn: str) -> bool:
    try:
        return bool(client("stepfunctions").describe_execution(executionArn=execution_arn)["status"] == "RUNNING")
    except ClientError as error:
        if code_of(error) == "ExecutionDoesNotExist":
            return False
        raise


is_rotating = is_running
"""Of a rotation: another machine, and so another permission."""


def running(machine_arn: str) -> frozenset[str]:
    """ARNs of the machine's executions that run: one call for a thousand, where asking for each would be throttled."""
    pages = client("stepfunctions").get_paginator("list_executions")
    found = pages.paginate(stateMachineArn=machine_arn, statusFilter="RUNNING")
    return frozenset(one["executionArn"] for page in found for one in page["executions"])


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
