"""EventBridge: service events onto the default bus, and rules that deliver to every kind of target we use.

moto matches patterns well but knows few targets, ignores a rule's state and input, and never retries.
"""

import json
import re
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from moto.events.models import EventPattern, EventsBackend, Rule, events_backends

from lab.aws.calls import calling_as
from lab.aws.clock import timestamp
from lab.aws.cloud import Cloud
from lab.aws.event_input import target_input
from lab.aws.json_copies import copied

Deliver = Callable[[str, Any, Mapping[str, Any]], None]

# A target without a RetryPolicy is retried for 24 h, up to 185 times, with exponential back-off (EventBridge guide,
# "How EventBridge retries delivering events"); the intervals are not published.
DEFAULT_RETRY_ATTEMPTS = 185
FIRST_RETRY_DELAY_SECONDS = 1.0
LONGEST_RETRY_DELAY_SECONDS = 300.0
DEFAULT_MAXIMUM_AGE_SECONDS = 86_400.0


_flattened, _matches = EventPattern._flatten_dict, EventPattern._does_event_match


class PermanentDeliveryError(Exception):
    """The target cannot take events (missing, not permitted): no retry, straight to the dead-letter queue."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class EventBridge:
    """`events` holds everything that went over the default bus, in order of emission."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._lock = threading.Lock()
        self.events: list[dict[str, Any]] = []
        self._deliver_by_service: dict[str, Deliver] = {}

    def install(self) -> None:
        bridge = self

        def send_to_targets(rule: Rule, event: Mapping[str, Any], transform_input: bool = True) -> None:
            """Called by moto's PutEvents and by archive replay, once for each rule of the bus."""
            whole = _complete(event)
            bridge._match(rule, whole, _flat(whole))

        self._cloud.seams.replace(Rule, "send_to_targets", send_to_targets)

    def register_target(self, service: str, deliver: Deliver) -> None:
        """`deliver(target_arn, payload, target)` for ARNs of that service; it raises when it could not deliver."""
        self._deliver_by_service[service] = deliver

    def emit(
        self, source: str, detail_type: str, detail: Mapping[str, Any], resources: Sequence[str] = ()
    ) -> dict[str, Any]:
        """Put a service's event on the default bus; delivery happens in the background."""
        event = self._event(source, detail_type, detail, resources)
        with self._lock:
            self.events.append(event)
        for delay_seconds in self._cloud.chaos.event_delays(event):
            if delay_seconds:
                self._cloud.background.go_later(self._cloud.clock.wait(delay_seconds), self._fan_out, event)
            else:
                self._cloud.background.go(self._fan_out, event)
        return event

    def fire_schedule(self, rule_name: str) -> None:
        """Do what a rule with a ScheduleExpression would do when its time has come, at once."""
        rule = self._rule(rule_name)
        if not rule.scheduled_expression:
            raise ValueError(f"rule {rule_name!r} has no ScheduleExpression")
        event = self._event("aws.events", "Scheduled Event", {}, [rule.arn])
        if rule.state != "DISABLED":
            self._deliver_all(rule, event)

    def run_schedules(self) -> None:
        """From now on rules of the form rate(...) fire by themselves, those that are there already."""
        for bus in self._backend.event_buses.values():
            for rule in bus.rules.values():
                if rule.scheduled_expression and rule.state != "DISABLED":
                    self._fire_later(rule, rate_seconds(rule.scheduled_expression))

    def scheduled(self) -> list[str]:
        """Names of the rules that have a schedule."""
        buses = self._backend.event_buses.values()
        return [rule.name for bus in buses for rule in bus.rules.values() if rule.scheduled_expression]

    def _fire_later(self, rule: Rule, seconds: float) -> None:
        def fire() -> None:
            with self._cloud.lock:
                there = any(rule is one for bus in self._backend.event_buses.values() for one in bus.rules.values())
            if there:
                self.fire_schedule(rule.name)
                self._fire_later(rule, seconds)

        self._cloud.background.timer(self._cloud.clock.wait(seconds), fire)

    def _event(
        self, source: str, detail_type: str, detail: Mapping[str, Any], resources: Sequence[str]
    ) -> dict[str, Any]:
        return {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": detail_type,
            "source": source,
            "account": self._cloud.account,
            "time": timestamp(),
            "region": self._cloud.region,
            "resources": list(resources),
            "detail": copied(dict(detail)),
        }

    @property
    def _backend(self) -> EventsBackend:
        return events_backends[self._cloud.account][self._cloud.region]

    def _rule(self, name: str) -> Rule:
        rules = {rule.name: rule for bus in self._backend.event_buses.values() for rule in bus.rules.values()}
        if name in rules:
            return rules[name]
        found = [rule for rule_name, rule in rules.items() if name in rule_name]
        if len(found) != 1:
            raise KeyError(f"{len(found)} rules match {name!r}; there are {sorted(rules)}")
        return found[0]

    def _fan_out(self, event: dict[str, Any]) -> None:
        with self._cloud.lock:
            rules = list(self._backend.event_buses["default"].rules.values())
        flat = _flat(event)
        for rule in rules:
            self._match(rule, event, flat)

    def _match(self, rule: Rule, event: dict[str, Any], flat: dict[str, Any]) -> None:
        # A rule that has only a schedule has no pattern, and moto lets "no pattern" match everything.
        pattern = rule.event_pattern.get_pattern()
        if rule.state != "DISABLED" and pattern and _matches(rule.event_pattern, flat, pattern):
            self._deliver_all(rule, event)

    def _deliver_all(self, rule: Rule, event: dict[str, Any]) -> None:
        for target in list(rule.targets):
            self._cloud.background.go(self._deliver, rule, target, event, 0, 0.0)

    def _deliver(
        self, rule: Rule, target: Mapping[str, Any], event: dict[str, Any], retries: int, waited: float
    ) -> None:
        policy = target.get("RetryPolicy", {})
        most_retries = int(policy.get("MaximumRetryAttempts", DEFAULT_RETRY_ATTEMPTS))
        oldest = float(policy.get("MaximumEventAgeInSeconds", DEFAULT_MAXIMUM_AGE_SECONDS))
        service = target["Arn"].split(":")[2]
        try:
            if service not in self._deliver_by_service:
                raise PermanentDeliveryError("UNSUPPORTED", f"the lab delivers no events to {service}")
            payload = target_input(rule, target, event)
            with calling_as("aws:events", source_arn=rule.arn, role_arn=target.get("RoleArn", "")):
                self._deliver_by_service[service](target["Arn"], payload, target)
        except PermanentDeliveryError as error:
            self._give_up(rule, target, event, error.code, str(error), "NotRetryable", retries)
        except Exception as error:
            delay = min(FIRST_RETRY_DELAY_SECONDS * 2**retries, LONGEST_RETRY_DELAY_SECONDS)
            code = type(error).__name__
            if retries >= most_retries:
                self._give_up(rule, target, event, code, str(error), "MaximumRetryAttempts", retries)
            elif waited + delay > oldest:
                self._give_up(rule, target, event, code, str(error), "MaximumEventAgeInSeconds", retries)
            else:
                self._cloud.background.go_later(
                    self._cloud.clock.wait(delay), self._deliver, rule, target, event, retries + 1, waited + delay
                )

    def _give_up(
        self,
        rule: Rule,
        target: Mapping[str, Any],
        event: dict[str, Any],
        code: str,
        message: str,
        condition: str,
        retries: int,
    ) -> None:
        queue_arn = target.get("DeadLetterConfig", {}).get("Arn")
        if not queue_arn:
            raise RuntimeError(f"event lost: rule {rule.name} to {target['Arn']}: {code}: {message}")
        attributes = {
            "RULE_ARN": rule.arn,
            "TARGET_ARN": target["Arn"],
            "ERROR_CODE": code,
            "ERROR_MESSAGE": message or code,
            "EXHAUSTED_RETRY_CONDITION": condition,
            "RETRY_ATTEMPTS": str(retries),
        }
        sqs = self._cloud.client("sqs")
        queue_url = sqs.get_queue_url(QueueName=queue_arn.rsplit(":", 1)[-1])["QueueUrl"]
        with calling_as("aws:events", source_arn=rule.arn):
            sqs.send_message(
                QueueUrl=queue_url,
                MessageBody=json.dumps(event),
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
                },
            )


def rate_seconds(expression: str) -> float:
    """Of "rate(5 minutes)". Raises ValueError for any other schedule: nothing of ours has one."""
    found = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression)
    if not found:
        raise ValueError(f"the lab fires rate(...) only, not {expression!r}")
    return float(found[1]) * {"minute": 60, "hour": 3600, "day": 86_400}[found[2]]


def _flat(event: Mapping[str, Any]) -> Any:
    """As patterns are matched with; moto flattens an event anew for each rule."""
    return _flattened(json.loads(json.dumps(event)))


def _complete(event: Mapping[str, Any]) -> dict[str, Any]:
    """An event of moto's PutEvents in the form that targets get: its time is a number there."""
    whole = {key: value for key, value in event.items() if key != "ingestion-time"}
    if not isinstance(whole["time"], str):
        whole["time"] = timestamp(float(whole["time"]))
    return whole
