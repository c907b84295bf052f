"""Nodes on their way: what each one is doing, from Auto Scaling, its launch's execution and its commands."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lab.aws import EmbeddedAws, ExecutionRecord
from lambdas.domain import names
from lambdas.domain.config import ClusterConfig
from lambdas.domain.phases import FORMATION_PHASES, NODE_PHASES, Phase

ORDER = tuple(dict.fromkeys((*NODE_PHASES[:1], *FORMATION_PHASES, *NODE_PHASES, Phase.LEAVE)))
"""Phases as a node meets them: a founder's configure and start are formation's."""


@dataclass(frozen=True)
class PhaseView:
    """One phase on one node: components by what became of their command."""

    components: Mapping[str, str] = field(default_factory=dict)
    """Component -> Run Command status: Pending, InProgress, Success, Failed, TimedOut, Cancelled."""

    @property
    def state(self) -> str:
        states = set(self.components.values())
        if states <= {"Success"}:
            return "done"
        if states & {"Pending", "InProgress"}:
            return "running"
        return "failed"

    def __str__(self) -> str:
        done = sum(state == "Success" for state in self.components.values())
        total = len(self.components)
        return {"done": "done", "failed": "failed"}.get(self.state, f"{done}/{total}")


@dataclass(frozen=True)
class NodeView:
    instance_id: str
    group: str
    address: str
    zone: str
    state: str
    """Auto Scaling's lifecycle state: Pending:Wait, InService, Terminating:Wait ..."""
    phase: str = ""
    """State of the launch's execution that it is in; empty once it has ended."""
    phases: Mapping[str, PhaseView] = field(default_factory=dict)
    seconds: float = 0.0
    """Since it was launched, until its launch ended."""
    problem: str | None = None


def view_nodes(aws: EmbeddedAws, config: ClusterConfig) -> list[NodeView]:
    """Every instance of the cluster's groups that is there, by group and address."""
    groups = {names.autoscaling_group(config.name, group.name): group.name for group in config.groups}
    states = {
        instance["InstanceId"]: (groups[group["AutoScalingGroupName"]], instance["LifecycleState"])
        for page in aws.client("autoscaling").get_paginator("describe_auto_scaling_groups").paginate()
        for group in page["AutoScalingGroups"]
        if group["AutoScalingGroupName"] in groups
        for instance in group["Instances"]
    }
    instances = _instances(aws, list(states))
    launches = _launches(aws, config)
    phases = _phases(aws)
    views = []
    for instance_id, (group, state) in states.items():
        instance, launch = instances.get(instance_id, {}), launches.get(instance_id)
        views.append(
            NodeView(
                instance_id,
                group,
                instance.get("PrivateIpAddress", ""),
                instance.get("Placement", {}).get("AvailabilityZone", ""),
                state,
                _current_state(launch),
                phases.get(instance_id, {}),
                _seconds(launch),
                _problem(launch),
            )
        )
    order = {group: number for number, group in enumerate(groups.values())}
    return sorted(views, key=lambda view: (order[view.group], view.instance_id))


def failed_launches(aws: EmbeddedAws, config: ClusterConfig) -> list[str]:
    """Why launches were abandoned, oldest first."""
    machine = names.state_machine(config.name, "node_launch")
    return [
        f"{_instance_id(one) or one.name}: {one.error}: {one.cause}"
        for one in aws.executions(machine)
        if one.status in ("FAILED", "TIMED_OUT", "ABORTED")
    ]


def find_node(nodes: list[NodeView], given: str) -> NodeView:
    """By instance id or its start, by address, or as `servers/0`. Raises LookupError with what there is."""
    if match := re.fullmatch(r"([a-z0-9-]+)/(\d+)", given):
        group = [node for node in nodes if node.group == match[1]]
        found = group[int(match[2]) : int(match[2]) + 1]
    else:
        found = [node for node in nodes if given and (node.instance_id.startswith(given) or node.address == given)]
    if len(found) == 1:
        return found[0]
    there = ", ".join(f"{node.instance_id} ({node.address}, {node.group})" for node in nodes) or "none"
    raise LookupError(f"{len(found)} nodes match {given!r}; there are: {there}")


def _instances(aws: EmbeddedAws, ids: list[str]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for start in range(0, len(ids), 100):
        answer = aws.client("ec2").describe_instances(InstanceIds=ids[start : start + 100])
        found |= {one["InstanceId"]: one for reservation in answer["Reservations"] for one in reservation["Instances"]}
    return found


def _launches(aws: EmbeddedAws, config: ClusterConfig) -> dict[str, ExecutionRecord]:
    """The execution that took the launch: of two for one event, the one that did more."""
    launches: dict[str, ExecutionRecord] = {}
    for execution in aws.executions(names.state_machine(config.name, "node_launch")):
        instance_id = _instance_id(execution)
        before = launches.get(instance_id or "")
        if instance_id and (before is None or len(before.events) < len(execution.events)):
            launches[instance_id] = execution
    return launches


def _instance_id(execution: ExecutionRecord) -> str | None:
    given = execution.input
    detail = given.get("detail") if isinstance(given, dict) else None
    return detail.get("EC2InstanceId") if isinstance(detail, dict) else None


def _phases(aws: EmbeddedAws) -> dict[str, dict[str, PhaseView]]:
    """Commands by node and phase; of a command that was sent twice, the later."""
    by_node: dict[str, dict[str, dict[str, str]]] = {}
    invocations = [
        invocation
        for page in aws.client("ssm").get_paginator("list_command_invocations").paginate()
        for invocation in page["CommandInvocations"]
    ]
    for invocation in sorted(invocations, key=lambda one: one["RequestedDateTime"]):
        _, component, phase = ("", *invocation["DocumentName"].rsplit("-", 2))[-3:]
        by_node.setdefault(invocation["InstanceId"], {}).setdefault(phase, {})[component] = invocation["Status"]
    return {node: {phase: PhaseView(of[phase]) for phase in ORDER if phase in of} for node, of in by_node.items()}


def _current_state(launch: ExecutionRecord | None) -> str:
    if launch is None or launch.status != "RUNNING":
        return ""
    outer = [name for name in launch.states_entered if not name.endswith("Command")]
    return outer[-1] if outer else ""


def _seconds(launch: ExecutionRecord | None) -> float:
    if launch is None:
        return 0.0
    started = launch.started_at if launch.started_at.tzinfo else launch.started_at.replace(tzinfo=UTC)
    stopped = launch.stopped_at or datetime.now(UTC)
    stopped = stopped if stopped.tzinfo else stopped.replace(tzinfo=UTC)
    return (stopped - started).total_seconds()


def _problem(launch: ExecutionRecord | None) -> str | None:
    if launch is None or launch.status in ("RUNNING", "SUCCEEDED"):
        return None
    return f"{launch.error}: {launch.cause}"
