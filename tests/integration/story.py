"""A cluster on simulated hosts, with what a story looks at: executions, commands, calls, hooks, records, logs."""

import json
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from boto3.dynamodb.types import TypeDeserializer
from moto.ec2.models import ec2_backends

from lab.aws import ExecutionRecord
from lab.aws.chaos import Event, Matches
from lab.function_log import FunctionLog
from lab.hosts.simulated import Faults
from lab.hosts.simulated.raft import Raft
from lab.laboratory import Laboratory
from lab.preparation import Prepared
from lambdas.domain import names
from lambdas.domain.config import PRODUCTS

TIME_SCALE = 0.01
PATIENT = {"timeout_scale": 1.0, "shortest_timeout_seconds": 0.0}
IMPATIENT = {"timeout_scale": 0.005, "shortest_timeout_seconds": 1.5}
"""For stories in which a time-out does something: minutes become a second or two, and no real work is cut off."""


COMMAND_ENDED = "EC2 Command Invocation Status-change Notification"


def end_of(component: str, phase: str) -> Matches:
    """The event that tells how such a command ended; not those of its way there."""

    def matches(event: Event) -> bool:
        detail = event["detail"]
        return (
            event["detail-type"] == COMMAND_ENDED
            and detail["document-name"].endswith(f"-{component}-{phase}")
            and detail["status"] in ("Success", "Failed")
        )

    return matches


@dataclass(frozen=True)
class Sent:
    """One command as Run Command knows it."""

    instance_id: str
    component: str
    phase: str
    status: str

    @property
    def work(self) -> tuple[str, str, str]:
        return self.instance_id, self.component, self.phase


class Story(Laboratory):
    """`before` is called when all is deployed and nothing has booted."""

    def __init__(
        self,
        prepared: Prepared,
        *,
        before: Callable[["Story"], object] | None = None,
        impatient: bool = False,
        mirrored: bool = True,
    ) -> None:
        super().__init__(
            "simulated",
            prepared.cluster_file,
            prepared=prepared,
            time_scale=TIME_SCALE,
            mirrored=mirrored,
            **(IMPATIENT if impatient else PATIENT),
        )
        self._before = before

    def _open(self) -> None:
        self._log = self._stack.enter_context(FunctionLog())
        super()._open()

    def _boot(self) -> None:
        if self._before:
            self._before(self)
        super()._boot()

    @property
    def faults(self) -> Faults:
        return self.data_center.simulated.faults

    def settle(self, timeout_seconds: float = 60.0) -> "Story":
        """Until nothing is under way. The embedded AWS itself has to be without an error."""
        assert self.aws.drain(timeout_seconds), f"still under way: {self._how_far()}"
        assert self.aws.errors == []
        return self

    # Executions.

    def launches(self, group: str | None = None) -> list[ExecutionRecord]:
        """Executions of node_launch that took a launch: not those that a repeated event began."""
        return [
            one
            for one in self.executions("node_launch")
            if "Ignored" not in one.states_entered
            and (group is None or one.input["detail"]["AutoScalingGroupName"].endswith(f"-{group}"))
        ]

    def executions(self, flow: str) -> list[ExecutionRecord]:
        return list(self.aws.executions(names.state_machine(self.config.name, flow)))

    @property
    def formations(self) -> list[ExecutionRecord]:
        return self.executions("form_cluster")

    def launch_of(self, instance_id: str) -> ExecutionRecord:
        [one] = [one for one in self.launches() if one.input["detail"]["EC2InstanceId"] == instance_id]
        return one

    # Commands and calls.

    @property
    def sent(self) -> list[Sent]:
        """In the order in which they were sent."""
        pages = self.aws.client("ssm").get_paginator("list_command_invocations").paginate()
        found = [one for page in pages for one in page["CommandInvocations"]]
        return [
            Sent(one["InstanceId"], *one["DocumentName"].rsplit("-", 2)[1:], one["Status"])
            for one in sorted(found, key=lambda one: one["RequestedDateTime"])
        ]

    def succeeded(self, *phases: str) -> Counter[tuple[str, str, str]]:
        """How often each command of these phases succeeded: once is enough."""
        return Counter(one.work for one in self.sent if one.phase in phases and one.status == "Success")

    @property
    def sent_changes(self) -> list[Sent]:
        """Commands that may change membership."""
        return [one for one in self.sent if one.phase in ("hand_over", "leave", "remove")]

    def told(self, instance_id: str, component: str, phase: str) -> list[dict[str, Any]]:
        """What a node answered to each command of these that ended, in the order in which they were sent."""
        document = names.document(self.config.name, component, phase)
        pages = self.aws.client("ssm").get_paginator("list_command_invocations")
        found = [
            one for page in pages.paginate(InstanceId=instance_id, Details=True) for one in page["CommandInvocations"]
        ]
        ended = [one for one in found if one["DocumentName"] == document and one["Status"] == "Success"]
        return [
            json.loads(one["CommandPlugins"][0]["Output"])
            for one in sorted(ended, key=lambda one: one["RequestedDateTime"])
        ]

    def make_commands_overdue(self) -> None:
        """The time is over in which the answer of each command that somebody waits for had to come."""
        for command_id in self.records("command"):
            self.aws.client("dynamodb").update_item(
                TableName=self.table_name,
                Key={"pk": {"S": "command"}, "sk": {"S": command_id}},
                UpdateExpression="SET due_at = :past",
                ConditionExpression="attribute_exists(pk)",
                ExpressionAttributeValues={":past": {"N": "0"}},
            )

    def agent_paused(self, instance_id: str) -> bool:
        return self.data_center.simulated.world.hosts[instance_id].agent_paused

    def calls(self, handler: str) -> Counter[str]:
        return self.aws.calls.by_caller().get(f"lambda:{names.function(self.config.name, handler)}", Counter())

    # Auto Scaling.

    def states(self, group: str) -> dict[str, str]:
        """Lifecycle state by instance id."""
        return {one["InstanceId"]: one["LifecycleState"] for one in self.group(group)["Instances"]}

    def group(self, name: str) -> dict[str, Any]:
        [group] = self.aws.client("autoscaling").describe_auto_scaling_groups(
            AutoScalingGroupNames=[names.autoscaling_group(self.config.name, name)]
        )["AutoScalingGroups"]
        return dict(group)

    def suspended(self, group: str) -> list[str]:
        """Names of the group's processes that were stopped."""
        return [process["ProcessName"] for process in self.group(group)["SuspendedProcesses"]]

    def wait_launching_stopped(self, group: str, timeout_seconds: float = 60.0) -> None:
        """Auto Scaling launches more slowly after failures, which `settle` alone does not wait for."""
        self.wait_until(lambda: bool(self.suspended(group)), timeout_seconds, lambda: f"{group} launches still")
        self.settle()

    def suspend_launching(self, group: str) -> None:
        self.aws.client("autoscaling").suspend_processes(
            AutoScalingGroupName=names.autoscaling_group(self.config.name, group), ScalingProcesses=["Launch"]
        )

    def free_address(self, instance_id: str) -> None:
        """EC2 gives the address of a terminated instance to the next one in its subnet; moto keeps it for ever."""
        backend = ec2_backends[self.aws.account][self.aws.region]
        instance = backend.get_instance(instance_id)
        backend.get_subnet(instance.subnet_id).del_subnet_ip(instance.private_ip)

    def resume_launching(self, group: str) -> None:
        self.aws.client("autoscaling").resume_processes(
            AutoScalingGroupName=names.autoscaling_group(self.config.name, group), ScalingProcesses=["Launch"]
        )

    def release(self, instance_id: str) -> None:
        """What an operator does who wants that very instance to go."""
        self.aws.client("autoscaling").terminate_instance_in_auto_scaling_group(
            InstanceId=instance_id, ShouldDecrementDesiredCapacity=True
        )

    def terminate(self, instance_id: str) -> None:
        """What an operator does who wants that very instance replaced."""
        self.aws.client("autoscaling").terminate_instance_in_auto_scaling_group(
            InstanceId=instance_id, ShouldDecrementDesiredCapacity=False
        )

    # Goodbyes.

    def goodbyes_of(self, subject: str) -> list[ExecutionRecord]:
        """Executions of node_terminate that took the goodbye, by whomever they were started."""
        return [
            one
            for one in self.executions("node_terminate")
            if "Ignored" not in one.states_entered
            and subject in (one.input.get("subject"), one.input.get("detail", {}).get("EC2InstanceId"))
        ]

    def decisions(self, subject: str) -> list[dict[str, str]]:
        """What the journal has of a goodbye, the newest last."""
        return [entry for entry in self.journal() if entry["node"] == subject and entry["what"] == "goodbye"]

    def assert_whole(self, servers: int) -> None:
        """So many servers in service, and just they are the voters of each product; the lease is nobody's."""
        assert list(self.states("servers").values()) == ["InService"] * servers
        self.assert_one_cluster()
        for product in PRODUCTS:
            [raft] = self.clusters(product)
            assert set(raft.peers) == set(raft.voters) == set(self.states("servers")), product
        assert set(self.records("member")) == set(self.states("servers"))
        assert self.records("lease").get("membership", {}).get("owner") is None

    # Records, logs, products.

    def records(self, pk: str) -> dict[str, dict[str, Any]]:
        """Items of a partition of the table, by their sort key."""
        read = TypeDeserializer().deserialize
        pages = (
            self.aws.client("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=self.table_name,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": {"S": pk}},
            )
        )
        items = [{key: read(value) for key, value in item.items()} for page in pages for item in page["Items"]]
        return {item["sk"]: item for item in items}

    @property
    def log(self) -> str:
        return self._log.text

    def log_lines(self, *, of: str | None = None) -> list[dict[str, Any]]:
        """What handlers logged, oldest first."""
        lines = []
        for line in self.log.splitlines():
            with suppress(ValueError):
                lines.append(json.loads(line))
        wanted = names.function(self.config.name, of) if of else None
        return [line for line in lines if wanted in (None, line.get("function_name"))]

    def expects(self, instance_id: str, product: str) -> int | None:
        """`bootstrap_expect` in the product's configuration on that node."""
        found: int | None = self.data_center.simulated.world.hosts[instance_id].setting(product, "bootstrap_expect")
        return found

    def clusters(self, product: str) -> list[Raft]:
        """Raft clusters of a product; more than one is a split brain."""
        return list(self.data_center.simulated.world.servers[product].clusters)

    def assert_one_cluster(self) -> None:
        """One cluster of each product: every server that is in service votes, and its first state was made once."""
        for product in PRODUCTS:
            [raft] = self.clusters(product)
            serving = {
                instance_id
                for group in self.config.server_groups
                if product in group.serves
                for instance_id, state in self.states(group.name).items()
                if state == "InService"
            }
            assert set(raft.voters) >= serving, f"{product}: {raft.voters}"
            assert raft.leader in serving
        bootstraps = self.succeeded("bootstrap")
        made = Counter(component for _, component, _ in bootstraps)
        assert made == {"consul": 1, "vault_init": 1, "nomad": 1, "vault_workloads": 1}
        assert set(bootstraps.values()) == {1}, "a bootstrap that succeeded was sent again"
