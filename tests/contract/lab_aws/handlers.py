"""Lambda handlers for the tests, as a function's package would hold them."""

import json
import os
import time
from typing import Any

import boto3

FINAL = {"Success", "Failed", "TimedOut", "Cancelled"}


class NodeNotReady(Exception):
    pass


def send_command(event: dict[str, Any], context: Any) -> None:
    sent = boto3.client("ssm").send_command(
        DocumentName=os.environ["DOCUMENT"],
        InstanceIds=[event["instance_id"]],
        Parameters={"Greeting": ["hello"]},
    )
    boto3.client("dynamodb").put_item(
        TableName=os.environ["TABLE"],
        Item={"pk": {"S": sent["Command"]["CommandId"]}, "token": {"S": event["token"]}},
    )


def complete_command(event: dict[str, Any], context: Any) -> None:
    detail = event["detail"]
    if detail["status"] not in FINAL:
        return
    key = {"pk": {"S": detail["command-id"]}}
    item = boto3.client("dynamodb").get_item(TableName=os.environ["TABLE"], Key=key).get("Item")
    if item is None:
        raise NodeNotReady("the token is not stored yet")
    states = boto3.client("stepfunctions")
    invocation = boto3.client("ssm").get_command_invocation(
        CommandId=detail["command-id"], InstanceId=detail["instance-id"]
    )
    if detail["status"] == "Success":
        states.send_task_success(taskToken=item["token"]["S"], output=invocation["StandardOutputContent"])
    else:
        cause = invocation["StandardErrorContent"]
        states.send_task_failure(taskToken=item["token"]["S"], error="NodeFailed", cause=cause)


def complete_launch(event: dict[str, Any], context: Any) -> None:
    detail = event["event"]["detail"]
    boto3.client("autoscaling").complete_lifecycle_action(
        AutoScalingGroupName=detail["AutoScalingGroupName"],
        LifecycleHookName=detail["LifecycleHookName"],
        LifecycleActionToken=detail["LifecycleActionToken"],
        LifecycleActionResult=event["result"],
    )


def environment(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return {
        "own": os.environ.get("OWN"),
        "function": os.environ["AWS_LAMBDA_FUNCTION_NAME"],
        "context": context.function_name,
        "remaining": context.get_remaining_time_in_millis(),
        "listed": "OWN" in list(os.environ),
    }


def fail(event: dict[str, Any], context: Any) -> None:
    raise NodeNotReady("come back later")


def sleep(event: dict[str, Any], context: Any) -> None:
    for _ in range(200):
        time.sleep(0.05)
        boto3.client("sts").get_caller_identity()


def nap(event: dict[str, Any], context: Any) -> None:
    time.sleep(0.5)
    if "token" in event:
        boto3.client("stepfunctions").send_task_success(taskToken=event["token"], output="{}")


def count_calls(event: dict[str, Any], context: Any) -> str:
    client = boto3.client("dynamodb")
    try:
        for number in range(5):
            item = {"pk": {"S": f"{event['name']}-{number}"}}
            client.put_item(TableName=event["table"], Item=item)
    except Exception as error:
        return f"caught {error!r}"
    return "done"


def unprintable(event: dict[str, Any], context: Any) -> Any:
    return {1, 2}


def echo(event: dict[str, Any], context: Any) -> Any:
    return json.loads(json.dumps(event))
