"""Run Command's records: a command, and its invocation on one instance."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from lab.aws.clock import timestamp

# GetCommandInvocation: "The first 24,000 characters written by the plugin to stdout", 8,000 of stderr;
# ListCommandInvocations shows 2,500 of both.
STDOUT_CHARACTERS = 24_000
STDERR_CHARACTERS = 8_000
LISTED_CHARACTERS = 2_500

FINAL = frozenset({"Success", "Failed", "TimedOut", "Cancelled"})


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass
class CommandInvocation:
    """One command on one instance. `details` says more than `status`: ExecutionTimedOut, Undeliverable."""

    instance_id: str
    status: str = "Pending"
    details: str = "Pending"
    exit_code: int = -1
    stdout: str = ""
    stderr: str = ""
    started_at: datetime | None = None
    ended_at: datetime | None = None

    @property
    def final(self) -> bool:
        return self.status in FINAL


@dataclass
class Command:
    document_name: str
    document_version: str
    parameters: Mapping[str, list[str]]
    delivery_timeout_seconds: int
    invocations: list[CommandInvocation]
    comment: str = ""
    targets: list[Any] = field(default_factory=list)
    command_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    requested_at: datetime = field(default_factory=_now)

    @property
    def status(self) -> str:
        statuses = {invocation.status for invocation in self.invocations}
        if not all(invocation.final for invocation in self.invocations):
            return "Pending" if statuses == {"Pending"} else "InProgress"
        return next((s for s in ("Failed", "TimedOut", "Cancelled") if s in statuses), "Success")

    @property
    def expires_at(self) -> datetime:
        return self.requested_at + timedelta(seconds=self.delivery_timeout_seconds)

    def on(self, instance_id: str) -> CommandInvocation | None:
        return next((i for i in self.invocations if i.instance_id == instance_id), None)

    def described(self) -> dict[str, Any]:
        """As SendCommand and ListCommands show it."""
        done = [invocation for invocation in self.invocations if invocation.final]
        return {
            "CommandId": self.command_id,
            "DocumentName": self.document_name,
            "DocumentVersion": self.document_version,
            "Comment": self.comment,
            "ExpiresAfter": self.expires_at,
            "Parameters": dict(self.parameters),
            "InstanceIds": [invocation.instance_id for invocation in self.invocations],
            "Targets": self.targets,
            "RequestedDateTime": self.requested_at,
            "Status": self.status,
            "StatusDetails": self.status,
            "TargetCount": len(self.invocations),
            "CompletedCount": len(done),
            "ErrorCount": sum(invocation.status != "Success" for invocation in done),
            "TimeoutSeconds": self.delivery_timeout_seconds,
        }

    def invocation_described(self, invocation: CommandInvocation) -> dict[str, Any]:
        """As GetCommandInvocation shows it."""
        started, ended = invocation.started_at, invocation.ended_at
        return {
            "CommandId": self.command_id,
            "InstanceId": invocation.instance_id,
            "Comment": self.comment,
            "DocumentName": self.document_name,
            "DocumentVersion": self.document_version,
            "PluginName": "aws:runShellScript",
            "ResponseCode": invocation.exit_code,
            "ExecutionStartDateTime": timestamp(started.timestamp(), milliseconds=True) if started else "",
            "ExecutionEndDateTime": timestamp(ended.timestamp(), milliseconds=True) if ended else "",
            "ExecutionElapsedTime": f"PT{(ended - started).total_seconds():.3f}S" if started and ended else "",
            "Status": invocation.status,
            "StatusDetails": invocation.details,
            "StandardOutputContent": invocation.stdout[:STDOUT_CHARACTERS],
            "StandardErrorContent": invocation.stderr[:STDERR_CHARACTERS],
        }

    def invocation_listed(self, invocation: CommandInvocation, *, details: bool) -> dict[str, Any]:
        """As ListCommandInvocations shows it."""
        listed: dict[str, Any] = {
            "CommandId": self.command_id,
            "InstanceId": invocation.instance_id,
            "Comment": self.comment,
            "DocumentName": self.document_name,
            "DocumentVersion": self.document_version,
            "RequestedDateTime": self.requested_at,
            "Status": invocation.status,
            "StatusDetails": invocation.details,
            "CommandPlugins": [],
        }
        if details:
            output = invocation.stdout + (f"\n----------ERROR-------\n{invocation.stderr}" if invocation.stderr else "")
            listed["CommandPlugins"] = [
                {
                    "Name": "aws:runShellScript",
                    "Status": invocation.status,
                    "StatusDetails": invocation.details,
                    "ResponseCode": invocation.exit_code,
                    "Output": output[:LISTED_CHARACTERS],
                }
            ]
        return listed
