"""Run Command's other half: commands on their way to the hosts' agents, and the events that say how far they are."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from lab.aws.calls import calling_as
from lab.aws.clock import timestamp
from lab.aws.cloud import Cloud
from lab.aws.commands import Command, CommandInvocation
from lab.aws.event_bridge import EventBridge
from lab.aws.ssm_documents import Step
from lab.hosts.seam import Ran, Run

# How often the service looks whether an agent that went away is back before delivery times out.
DELIVERY_POLL_SECONDS = 0.25


@dataclass(frozen=True)
class Delivery:
    """A command on its way to one agent."""

    command: Command
    invocation: CommandInvocation
    steps: Sequence[Step]
    environment: Mapping[str, str]
    parameters: Mapping[str, str]
    expires_at: float
    """By the clock of limits."""


class CommandEvents:
    """What Systems Manager puts on the bus."""

    def __init__(self, cloud: Cloud, event_bridge: EventBridge) -> None:
        self._cloud = cloud
        self._event_bridge = event_bridge

    def status_changed(self, command: Command, invocation: CommandInvocation) -> None:
        self._event_bridge.emit(
            "aws.ssm",
            "EC2 Command Invocation Status-change Notification",
            {
                "command-id": command.command_id,
                "document-name": command.document_name,
                "instance-id": invocation.instance_id,
                "requested-date-time": timestamp(command.requested_at.timestamp(), milliseconds=True),
                "status": invocation.status,
            },
            [self._cloud.arn("ec2", f"instance/{invocation.instance_id}")],
        )

    def command_ended(self, command: Command) -> None:
        self._event_bridge.emit(
            "aws.ssm",
            "EC2 Command Status-change Notification",
            {
                "command-id": command.command_id,
                "document-name": command.document_name,
                "expire-after": timestamp(command.expires_at.timestamp(), milliseconds=True),
                "parameters": dict(command.parameters),
                "requested-date-time": timestamp(command.requested_at.timestamp(), milliseconds=True),
                "status": command.status,
            },
            [self._cloud.arn("ec2", f"instance/{i.instance_id}") for i in command.invocations],
        )


class Deliveries:
    """Runs commands on hosts: called without the big lock, which it takes to write down what happened."""

    def __init__(self, cloud: Cloud, events: CommandEvents, is_running: Callable[[str], bool]) -> None:
        self._cloud = cloud
        self._events = events
        self._is_running = is_running

    def deliver(self, delivery: Delivery) -> None:
        command, invocation = delivery.command, delivery.invocation
        online = self._cloud.hosts.agent_online(invocation.instance_id)
        with self._cloud.lock:
            if invocation.final:
                return
            if not online:
                if not self._is_running(invocation.instance_id):
                    self.end(command, invocation, "Failed", "Undeliverable")
                elif self._cloud.limits.now() > delivery.expires_at:
                    self.end(command, invocation, "TimedOut", "DeliveryTimedOut")
                else:
                    again = self._cloud.background.timer
                    again(DELIVERY_POLL_SECONDS, lambda: self.deliver(delivery))
                return
            invocation.status = invocation.details = "InProgress"
            invocation.started_at = datetime.now(UTC)
            self._events.status_changed(command, invocation)
        self._run_steps(delivery)

    def _run_steps(self, delivery: Delivery) -> None:
        command, invocation = delivery.command, delivery.invocation
        status, details = "Success", "Success"
        for step in delivery.steps:
            run = Run(
                command_id=command.command_id,
                document=command.document_name,
                parameters=delivery.parameters,
                script=step.script,
                environment=delivery.environment,
                timeout_seconds=self._cloud.clock.timeout(step.timeout_seconds),
            )
            with calling_as(f"host:{invocation.instance_id}"):  # hosts in this process call with its role, too
                ran = self._cloud.hosts.run(invocation.instance_id, run)
            if ran.host_lost:
                self._lose(delivery, step.timeout_seconds)
                return
            invocation.stdout += ran.stdout
            invocation.stderr += ran.stderr
            invocation.exit_code = ran.exit_code
            outcome = _outcome(ran)
            if outcome[0] != "Success":
                status, details = outcome
                if ran.cancelled or ran.timed_out or step.exit_on_failure:
                    break
        with self._cloud.lock:
            if not invocation.final:
                self.end(command, invocation, status, details)

    def _lose(self, delivery: Delivery, timeout_seconds: float) -> None:
        """A host that dies does not report: its command stays InProgress until the service gives up on it."""

        def give_up() -> None:
            with self._cloud.lock:
                if not delivery.invocation.final:
                    self.end(delivery.command, delivery.invocation, "TimedOut", "ExecutionTimedOut")

        self._cloud.limits.timer(self._cloud.clock.timeout(timeout_seconds), give_up)

    def end(self, command: Command, invocation: CommandInvocation, status: str, details: str) -> None:
        invocation.status, invocation.details = status, details
        invocation.ended_at = datetime.now(UTC)
        self._events.status_changed(command, invocation)
        if all(other.final for other in command.invocations):
            self._events.command_ended(command)


def _outcome(ran: Ran) -> tuple[str, str]:
    if ran.cancelled:
        return "Cancelled", "Cancelled"
    if ran.timed_out:
        return "TimedOut", "ExecutionTimedOut"
    return ("Success", "Success") if ran.exit_code == 0 else ("Failed", "Failed")
