"""Run Command: what the service accepts, and what it knows of the commands it was given.

moto calls every command a success at once, and sends one that names its instances to all instances of the region.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.ec2 import ec2_backends
from moto.ec2.models.instances import Instance
from moto.ssm.models import SimpleSystemManagerBackend, ssm_backends

from lab.aws.cloud import Cloud
from lab.aws.command_delivery import CommandEvents, Deliveries, Delivery
from lab.aws.commands import Command, CommandInvocation
from lab.aws.event_bridge import EventBridge
from lab.aws.ssm_documents import RUN_SHELL_SCRIPT, environment, resolve_parameters, steps

# SendCommand: TimeoutSeconds is 3600 unless given, and at least 30.
DEFAULT_DELIVERY_TIMEOUT_SECONDS = 3600
SHORTEST_DELIVERY_TIMEOUT_SECONDS = 30
MOST_INSTANCES = 50


class RunCommandError(JsonRESTError):
    code = 400


class RunCommand:
    """Commands by id, in the order they were sent. All methods are called with the big lock held."""

    def __init__(self, cloud: Cloud, event_bridge: EventBridge) -> None:
        self._cloud = cloud
        self._deliveries = Deliveries(cloud, CommandEvents(cloud, event_bridge), self.is_running)
        self.commands: dict[str, Command] = {}

    def send(self, request: Mapping[str, Any]) -> Command:
        name = str(request.get("DocumentName", "")).rsplit("document/", 1)[-1]
        content, version = self._document(name, request.get("DocumentVersion"))
        parameters = resolve_parameters(content, request.get("Parameters") or {})
        timeout = int(request.get("TimeoutSeconds") or DEFAULT_DELIVERY_TIMEOUT_SECONDS)
        if timeout < SHORTEST_DELIVERY_TIMEOUT_SECONDS:
            raise RunCommandError("ValidationException", f"TimeoutSeconds {timeout} is less than 30.")
        instance_ids = self._instance_ids(request)
        command = Command(
            document_name=name,
            document_version=version,
            parameters=request.get("Parameters") or {},
            delivery_timeout_seconds=timeout,
            invocations=[CommandInvocation(instance_id) for instance_id in instance_ids],
            comment=request.get("Comment") or "",
            targets=request.get("Targets") or [],
        )
        self.commands[command.command_id] = command
        for invocation in command.invocations:
            delivery = Delivery(
                command,
                invocation,
                steps(content, parameters),
                environment(content, parameters),
                {key: "\n".join(values) for key, values in parameters.items()},
                self._cloud.limits.now() + self._cloud.clock.timeout(timeout),
            )
            self._cloud.background.go(self._deliveries.deliver, delivery)
        return command

    def command(self, command_id: str) -> Command:
        if command_id not in self.commands:
            raise RunCommandError("InvalidCommandId", f"Command {command_id} does not exist.")
        return self.commands[command_id]

    def cancel(self, command: Command, instance_ids: Sequence[str]) -> None:
        for invocation in command.invocations:
            if invocation.final or (instance_ids and invocation.instance_id not in instance_ids):
                continue
            if invocation.status == "Pending":
                self._deliveries.end(command, invocation, "Cancelled", "Cancelled")
            else:
                self._cloud.background.go(self._cloud.hosts.cancel, invocation.instance_id, command.command_id)

    def cancel_all(self) -> None:
        """End what the hosts still run for us, so that nobody waits for it."""
        for command in list(self.commands.values()):
            for invocation in command.invocations:
                if invocation.status == "InProgress":
                    self._cloud.hosts.cancel(invocation.instance_id, command.command_id)

    def running_instances(self) -> list[Instance]:
        backend = ec2_backends[self._cloud.account][self._cloud.region]
        return [i for i in backend.all_instances() if i.state == "running"]

    def is_running(self, instance_id: str) -> bool:
        return instance_id in {instance.id for instance in self.running_instances()}

    def agent_online(self, instance_id: str) -> bool:
        # Without the lock: the hosts have locks of their own, and may be calling AWS while they hold them.
        with self._cloud.lock.released():
            return self._cloud.hosts.agent_online(instance_id)

    def _document(self, name: str, version: str | None) -> tuple[Mapping[str, Any], str]:
        if name == "AWS-RunShellScript":
            return RUN_SHELL_SCRIPT, "1"
        backend: SimpleSystemManagerBackend = ssm_backends[self._cloud.account][self._cloud.region]
        versions = backend._documents.get(name)
        if versions is None:
            raise RunCommandError("InvalidDocument", f"Document with name {name} does not exist.")
        if version in (None, "", "$DEFAULT"):
            document = versions.get_default_version()
        elif version == "$LATEST":
            document = versions.get_latest_version()
        else:
            document = versions.find_by_version(version)
        if document is None:
            raise RunCommandError("InvalidDocumentVersion", f"Document {name} has no version {version}.")
        if document.document_type != "Command":
            raise RunCommandError("InvalidDocument", f"Document {name} is a {document.document_type} document.")
        return document.content_json, document.document_version

    def _instance_ids(self, request: Mapping[str, Any]) -> list[str]:
        wanted = list(dict.fromkeys(request.get("InstanceIds") or []))
        running = {instance.id: instance for instance in self.running_instances()}
        if len(wanted) > MOST_INSTANCES:
            raise RunCommandError("ValidationException", f"{len(wanted)} InstanceIds; at most 50 are allowed.")
        invalid = [i for i in wanted if i not in running or not self.agent_online(i)]
        if invalid:
            ids = ", ".join(invalid)
            message = f"Instances [[{ids}]] not in a valid state for account {self._cloud.account}"
            raise RunCommandError("InvalidInstanceId", message)
        targets = request.get("Targets") or []
        if targets:
            matching = [i for i, instance in running.items() if all(_matches(instance, t) for t in targets)]
            wanted += [i for i in matching if i not in wanted and self.agent_online(i)]
        elif not wanted:
            raise RunCommandError("ValidationException", "Neither InstanceIds nor Targets were given.")
        return wanted


def _matches(instance: Instance, target: Mapping[str, Any]) -> bool:
    key, values = target["Key"], target["Values"]
    if key == "InstanceIds":
        return instance.id in values
    tags = {tag["key"]: tag["value"] for tag in instance.get_tags()}
    if key.startswith("tag:"):
        return tags.get(key.removeprefix("tag:")) in values
    if key == "tag-key":
        return any(value in tags for value in values)
    raise RunCommandError("InvalidTarget", f"Target key {key!r} is not supported.")
