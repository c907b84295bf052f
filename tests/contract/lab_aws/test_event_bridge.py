"""EventBridge: who gets an event, in which form, how often it is tried, and where it ends."""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from lab.aws import EmbeddedAws
from lab.aws.event_bridge import rate_seconds
from lab.aws.event_input import target_input
from tests.contract.lab_aws.roles import policy, role
from tests.contract.lab_aws.waiting import wait_until


def queue(aws: EmbeddedAws, name: str) -> str:
    sqs = aws.client("sqs")
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = str(sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"])
    let_in = policy((["sqs:SendMessage"], arn))
    let_in["Statement"][0]["Principal"] = {"Service": "events.amazonaws.com"}
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(let_in)})
    return arn


def messages(aws: EmbeddedAws, name: str) -> list[dict[str, Any]]:
    sqs = aws.client("sqs")
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    received = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
    return list(received.get("Messages", []))


def bodies(aws: EmbeddedAws, name: str) -> list[Any]:
    return [json.loads(message["Body"]) for message in messages(aws, name)]


def rule(aws: EmbeddedAws, name: str, target: Mapping[str, Any], **more: Any) -> None:
    events = aws.client("events")
    if "ScheduleExpression" not in more:
        more.setdefault("EventPattern", json.dumps({"source": ["app"]}))
    events.put_rule(Name=name, **more)
    events.put_targets(Rule=name, Targets=[{"Id": "1", **target}])


def put(aws: EmbeddedAws, source: str = "app", **detail: Any) -> None:
    entry = {"Source": source, "DetailType": "Something", "Detail": json.dumps(detail)}
    aws.client("events").put_events(Entries=[entry])
    assert aws.drain(10)


def test_a_matching_event_arrives_whole(aws: EmbeddedAws) -> None:
    rule(aws, "all", {"Arn": queue(aws, "events")})
    put(aws, number=1)
    put(aws, source="other", number=2)
    [event] = bodies(aws, "events")
    assert event["detail"] == {"number": 1}
    assert (event["account"], event["region"], event["source"]) == (aws.account, aws.region, "app")
    assert event["time"].endswith("Z")


def test_a_disabled_rule_and_a_schedule_get_nothing(aws: EmbeddedAws) -> None:
    rule(aws, "disabled", {"Arn": queue(aws, "disabled")}, State="DISABLED")
    rule(aws, "nightly", {"Arn": queue(aws, "nightly")}, ScheduleExpression="rate(1 day)")
    put(aws, number=1)
    assert bodies(aws, "disabled") == []
    assert bodies(aws, "nightly") == []
    aws.fire_schedule("nightly")
    assert aws.drain(10)
    assert [event["detail-type"] for event in bodies(aws, "nightly")] == ["Scheduled Event"]


def test_schedules_fire_by_themselves_once_they_are_let(aws: EmbeddedAws) -> None:
    rule(aws, "often", {"Arn": queue(aws, "often")}, ScheduleExpression="rate(1 minute)")
    rule(aws, "never", {"Arn": queue(aws, "never")}, ScheduleExpression="rate(1 day)", State="DISABLED")
    rule(aws, "all", {"Arn": queue(aws, "all")})
    aws.run_schedules()  # a minute is 0.06 s here
    came: list[Any] = []
    assert wait_until(lambda: came.extend(bodies(aws, "often")) or len(came) >= 2)
    assert bodies(aws, "never") == []


def test_all_schedules_can_be_fired_at_once(aws: EmbeddedAws) -> None:
    rule(aws, "nightly", {"Arn": queue(aws, "nightly")}, ScheduleExpression="rate(1 day)")
    rule(aws, "all", {"Arn": queue(aws, "all")})
    assert aws.fire_schedules() == ["nightly"]
    assert aws.drain(10)
    assert len(bodies(aws, "nightly")) == 1


@pytest.mark.parametrize(
    ("expression", "seconds"), [("rate(1 minute)", 60), ("rate(5 minutes)", 300), ("rate(2 days)", 172_800)]
)
def test_rates_are_read(expression: str, seconds: float) -> None:
    assert rate_seconds(expression) == seconds


def test_other_schedules_are_refused() -> None:
    with pytest.raises(ValueError, match=r"rate\(\.\.\.\) only"):
        rate_seconds("cron(0 12 * * ? *)")


def test_only_schedules_can_be_fired(aws: EmbeddedAws) -> None:
    rule(aws, "all", {"Arn": queue(aws, "events")})
    with pytest.raises(ValueError, match="no ScheduleExpression"):
        aws.fire_schedule("all")
    with pytest.raises(KeyError, match="0 rules match"):
        aws.fire_schedule("unknown")


def test_what_cannot_be_delivered_goes_to_the_dead_letter_queue(aws: EmbeddedAws) -> None:
    dead = {"DeadLetterConfig": {"Arn": queue(aws, "dead")}}
    missing = f"arn:aws:states:{aws.region}:{aws.account}:stateMachine:missing"
    may = role(aws, "starter", (["states:StartExecution"], missing))
    rule(aws, "lost", {"Arn": missing, "RoleArn": may, **dead})
    put(aws, number=1)
    [message] = messages(aws, "dead")
    attributes = {key: value["StringValue"] for key, value in message["MessageAttributes"].items()}
    assert attributes["TARGET_ARN"] == missing
    assert attributes["ERROR_CODE"] == "STATE_MACHINE_NOT_FOUND"
    assert attributes["RETRY_ATTEMPTS"] == "0"
    assert json.loads(message["Body"])["detail"] == {"number": 1}


def test_delivery_is_retried_as_often_as_the_policy_says(aws: EmbeddedAws) -> None:
    dead = {"DeadLetterConfig": {"Arn": queue(aws, "dead")}, "RetryPolicy": {"MaximumRetryAttempts": 2}}
    rule(aws, "throttled", {"Arn": queue(aws, "events"), **dead})
    aws.chaos.throttle("sqs", "GetQueueUrl", times=2)
    put(aws, number=1)
    assert [event["detail"] for event in bodies(aws, "events")] == [{"number": 1}]
    aws.chaos.throttle("sqs", "SendMessage", times=3)
    put(aws, number=2)
    assert messages(aws, "events") == []
    [message] = messages(aws, "dead")
    assert message["MessageAttributes"]["EXHAUSTED_RETRY_CONDITION"]["StringValue"] == "MaximumRetryAttempts"


def test_an_event_lost_without_a_dead_letter_queue_is_reported(aws: EmbeddedAws) -> None:
    rule(aws, "lost", {"Arn": f"arn:aws:states:{aws.region}:{aws.account}:stateMachine:missing"})
    put(aws, number=1)
    [error] = aws.errors
    assert "event lost: rule lost" in str(error)


EVENT = {
    "id": "1",
    "source": "app",
    "time": "2026-01-01T00:00:00Z",
    "detail": {"name": 'say "hi"', "list": [1, 2], "deep": {"value": 3}},
}


class Rule:
    arn, name = "arn:aws:events:eu-west-1:1:rule/r", "r"


@pytest.mark.parametrize(
    ("target", "payload"),
    [
        ({}, EVENT),
        ({"Input": '{"constant": true}'}, {"constant": True}),
        ({"InputPath": "$.detail.deep"}, {"value": 3}),
        ({"InputPath": "$.detail.list[1]"}, 2),
        (
            {
                "InputTransformer": {
                    "InputPathsMap": {"n": "$.detail.name", "d": "$.detail.deep", "x": "$.missing"},
                    "InputTemplate": '{"text": "it is <n>", "raw": <n>, "deep": <d>, "rule": "<aws.events.rule-name>"}',
                }
            },
            {"text": 'it is say "hi"', "raw": 'say "hi"', "deep": {"value": 3}, "rule": "r"},
        ),
        (
            {
                "InputTransformer": {
                    "InputPathsMap": {"s": "$.source"},
                    "InputTemplate": "<s> has something to say",
                }
            },
            '"app" has something to say',
        ),
    ],
)
def test_targets_see_what_their_input_says(target: dict[str, Any], payload: Any) -> None:
    assert target_input(Rule(), target, EVENT) == payload
