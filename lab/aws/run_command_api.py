"""Run Command's operations on moto's SSM endpoint."""

import json
from typing import Any

from moto.core.responses import ActionResult, EmptyResult
from moto.ssm.responses import SimpleSystemManagerResponse

from lab.aws.cloud import Cloud
from lab.aws.run_command import RunCommand, RunCommandError

AGENT_VERSION = "3.3.2746.0"

# DescribeInstanceInformation, ListCommands, ListCommandInvocations: at most 50 a page.
PAGE_SIZE = 50


class RunCommandApi:
    def __init__(self, cloud: Cloud, run_command: RunCommand) -> None:
        self._cloud = cloud
        self._run_command = run_command
        self._registered: set[str] = set()

    def install(self) -> None:
        service = self._run_command

        def send_command(response: SimpleSystemManagerResponse) -> ActionResult:
            return ActionResult({"Command": service.send(_request(response)).described()})

        def list_commands(response: SimpleSystemManagerResponse) -> ActionResult:
            command_id, instance_id = response._get_param("CommandId"), response._get_param("InstanceId")
            commands = [service.command(command_id)] if command_id else list(service.commands.values())[::-1]
            found = [c.described() for c in commands if instance_id is None or c.on(instance_id)]
            return _page(response, "Commands", found)

        def get_command_invocation(response: SimpleSystemManagerResponse) -> ActionResult:
            command_id, instance_id = response._get_param("CommandId"), response._get_param("InstanceId")
            command = service.commands.get(command_id)
            invocation = command.on(instance_id) if command else None
            if command is None or invocation is None:
                raise RunCommandError("InvocationDoesNotExist", "")
            return ActionResult(command.invocation_described(invocation))

        def list_command_invocations(response: SimpleSystemManagerResponse) -> ActionResult:
            command_id, instance_id = response._get_param("CommandId"), response._get_param("InstanceId")
            details = bool(response._get_param("Details"))
            commands = [service.command(command_id)] if command_id else list(service.commands.values())[::-1]
            found = [
                command.invocation_listed(invocation, details=details)
                for command in commands
                for invocation in command.invocations
                if instance_id in (None, invocation.instance_id)
            ]
            return _page(response, "CommandInvocations", found)

        def cancel_command(response: SimpleSystemManagerResponse) -> ActionResult:
            command = service.command(response._get_param("CommandId"))
            service.cancel(command, response._get_param("InstanceIds") or [])
            return EmptyResult()

        def describe_instance_information(response: SimpleSystemManagerResponse) -> ActionResult:
            return _page(response, "InstanceInformationList", self._agents(_request(response)))

        seams = self._cloud.seams
        seams.replace(SimpleSystemManagerResponse, "send_command", send_command)
        seams.replace(SimpleSystemManagerResponse, "list_commands", list_commands)
        seams.replace(SimpleSystemManagerResponse, "get_command_invocation", get_command_invocation)
        seams.add(SimpleSystemManagerResponse, "list_command_invocations", list_command_invocations)
        seams.add(SimpleSystemManagerResponse, "cancel_command", cancel_command)
        seams.add(SimpleSystemManagerResponse, "describe_instance_information", describe_instance_information)

    def _agents(self, request: dict[str, Any]) -> list[dict[str, Any]]:
        """Agents that have registered; one that went away since is ConnectionLost."""
        wanted = {f["Key"]: f["Values"] for f in request.get("Filters") or ()}
        wanted |= {f["key"]: f["valueSet"] for f in request.get("InstanceInformationFilterList") or ()}
        agents = []
        for instance in self._run_command.running_instances():
            if "InstanceIds" in wanted and instance.id not in wanted["InstanceIds"]:
                continue
            online = self._run_command.agent_online(instance.id)
            if online:
                self._registered.add(instance.id)
            elif instance.id not in self._registered:
                continue
            status = "Online" if online else "ConnectionLost"
            if status not in wanted.get("PingStatus", [status]):
                continue
            agents.append(
                {
                    "InstanceId": instance.id,
                    "PingStatus": status,
                    "AgentVersion": AGENT_VERSION,
                    "IsLatestVersion": True,
                    "PlatformType": "Linux",
                    "ResourceType": "EC2Instance",
                    "IPAddress": instance.private_ip,
                    "ComputerName": instance.private_dns_name,
                }
            )
        return agents


def _request(response: SimpleSystemManagerResponse) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(response.body or "{}")
    return body


def _page(response: SimpleSystemManagerResponse, key: str, items: list[dict[str, Any]]) -> ActionResult:
    size = min(int(response._get_param("MaxResults") or PAGE_SIZE), PAGE_SIZE)
    start = int(response._get_param("NextToken") or 0)
    page: dict[str, Any] = {key: items[start : start + size]}
    if start + size < len(items):
        page["NextToken"] = str(start + size)
    return ActionResult(page)
