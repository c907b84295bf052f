"""One formed cluster on simulated hosts, which deeds befall, and which has to come to rest after them."""

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from threading import Condition
from typing import Any

from botocore.exceptions import ClientError

from lab.assembly import ACCOUNT
from lab.aws.chaos import Chaos, LambdaFault, any_event, of_type
from lab.histories.machines.deeds import LARGEST, Deed
from lab.hosts.simulated import SimulatedHosts
from lab.hosts.simulated.raft import Raft
from lab.laboratory import Laboratory
from lab.preparation import Prepared
from lab.records import expire_lease
from lambdas.domain import names
from lambdas.domain.config import PRODUCTS

TIME_SCALE = 0.01
LIMITS = {"timeout_scale": 0.002, "shortest_timeout_seconds": 0.6}
"""Of time in which nothing happens: the longest answer that a command may take, 270 s, is over in 0.6 s."""

SWEEP_EVERY_SECONDS = 8.0
"""Five minutes would be three at that scale; goodbyes that are at work anyway need none, and a sweep asks every server.
Without the time in which others have the processor."""

MOST_SWEEPS = 20
LONGEST_SECONDS = 900.0
"""Of the clock, until a cluster at which work never ends counts as broken."""


@dataclass
class Pace(Chaos):
    """Faults, and how many handlers have begun: histories go by that and not by the clock."""

    begun: int = 0
    changed: Condition = field(default_factory=Condition)

    def lambda_fault(self, function: str, event: Mapping[str, Any]) -> LambdaFault | None:
        with self.changed:
            self.begun += 1
            self.changed.notify_all()
        return super().lambda_fault(function, event)


class Machines:
    """`do_...` are the deeds."""

    def __init__(self, prepared: Prepared) -> None:
        self.pace = Pace()
        self.lab = Laboratory(
            "simulated",
            prepared.cluster_file,
            prepared=prepared,
            time_scale=TIME_SCALE,
            patient=True,
            chaos=self.pace,
            timeout_scale=LIMITS["timeout_scale"],
            shortest_timeout_seconds=LIMITS["shortest_timeout_seconds"],
        )
        [servers] = prepared.config.server_groups
        self.size = servers.size
        self.cluster = prepared.config.name
        self.group = names.autoscaling_group(self.cluster, servers.name)

    def __enter__(self) -> "Machines":
        self.lab.__enter__()
        try:
            self.lab.wait_formed()
            self.lab.aws.drain(LONGEST_SECONDS)
        except BaseException:
            self.lab.close()
            raise
        return self

    def __exit__(self, *error: object) -> None:
        self.lab.close()

    def befall(self, deed: Deed) -> None:
        """Where there is nobody whom it could befall, it does not."""
        kind, *arguments = deed
        with suppress(LookupError):
            getattr(self, f"do_{kind}")(*arguments)

    # Events, functions, APIs.

    def do_duplicate(self, kind: str, gap_seconds: float) -> None:
        self.pace.duplicate_events(_of(kind), gap_seconds=gap_seconds)

    def do_delay(self, kind: str, seconds: float, times: int) -> None:
        self.pace.delay_events(seconds, _of(kind), times=times)

    def do_drop(self, kind: str, times: int) -> None:
        self.pace.drop_events(_of(kind), times=times)

    def do_kill_lambda(self, function: str, after_calls: int) -> None:
        self.pace.kill_lambda(function, after_calls=after_calls)

    def do_throttle(self, service: str, operation: str, times: int) -> None:
        self.pace.throttle(service, operation, times=times)

    def do_lose_answer(self, service: str, operation: str) -> None:
        self.pace.fail_api(service, operation, "InternalServerError", when="after")

    # The lease, executions, hooks.

    def do_expire_lease(self) -> None:
        expire_lease(self.lab.aws.client("dynamodb"), self.lab.table_name)

    def do_stop_execution(self, flow: str) -> None:
        for arn in self.executions(flow, "RUNNING")[:1]:
            self._told("stepfunctions", "stop_execution", executionArn=arn)

    def do_end_hook(self) -> None:
        """Of a server that waits to leave: its time is over, and its group retains it."""
        waiting = [server for server, state in self.states().items() if state == "Terminating:Wait"]
        for server in waiting[:1]:
            with suppress(ClientError):  # it was answered a moment ago
                self.lab.aws.client("autoscaling").complete_lifecycle_action(
                    LifecycleHookName=names.TERMINATE_HOOK,
                    AutoScalingGroupName=self.group,
                    InstanceId=server,
                    LifecycleActionResult="ABANDON",
                )

    def do_sweep(self) -> None:
        self.lab.sweep()

    def do_stop_launching(self) -> None:
        """As the breaker does when three launches in a row have failed."""
        self.lab.aws.client("autoscaling").suspend_processes(
            AutoScalingGroupName=self.group, ScalingProcesses=["Launch"]
        )

    def do_mistaken_goodbye(self, place: int) -> None:
        """Of a server that nobody asked to go: as by a sweep whose facts are old."""
        told = json.dumps({"subject": self.server(place)})
        self._told("stepfunctions", "start_execution", stateMachineArn=self.machine("node_terminate"), input=told)

    # Servers.

    def do_terminate(self, place: int) -> None:
        with suppress(ClientError):
            self.lab.aws.client("autoscaling").terminate_instance_in_auto_scaling_group(
                InstanceId=self.server(place), ShouldDecrementDesiredCapacity=False
            )

    def do_scale_out(self) -> None:
        self.lab.scale(servers=min(self.size + 2, LARGEST))

    def do_scale_in(self) -> None:
        self.lab.scale(servers=self.size)

    def do_kill_host(self, place: int) -> None:
        server = self.server(place)
        self.hosts.kill(server)
        self.lab.aws.fail_status_checks(server)

    def do_terminate_host(self, place: int) -> None:
        self._told("ec2", "terminate_instances", InstanceIds=[self.server(place)])

    def do_partition(self, place: int) -> None:
        self.hosts.partition(self.server(place))

    def do_stop_product(self, place: int, product: str) -> None:
        self.hosts.stop_product(self.server(place), product)

    def do_pause_agent(self, place: int) -> None:
        self.hosts.pause_agent(self.server(place))

    def do_pass(self, handlers: int) -> None:
        """Until so many more have begun, or nothing happens any more."""
        until, limit = self.pace.begun + handlers, self.lab.aws.limited_seconds() + 1.0
        with self.pace.changed:
            while self.pace.begun < until and self.lab.aws.limited_seconds() < limit:
                self.pace.changed.wait(0.1)

    # How it ends.

    def end_faults(self) -> None:
        self.pace.clear()
        self.hosts.heal()
        for instance_id, host in self.hosts.world.hosts.copy().items():
            with suppress(LookupError):
                self.hosts.resume_agent(instance_id)
            for product in set(host.kinds) - host.running - host.retired:
                with suppress(LookupError):
                    self.hosts.start_product(instance_id, product)
        self.lab.scale(servers=self.size)

    def come_to_rest(self, missing: Callable[[], str]) -> tuple[str, int]:
        """Why it does not, empty where it does; and how many sweeps it took. Sweeps come all the time, as on AWS.

        Faults that made three launches in a row fail have stopped launching until a human resumes it: one does, once.
        """
        sweeps, resumed = 0, False
        while True:
            if not resumed and self.launching_stopped():
                self.lab.aws.client("autoscaling").resume_processes(
                    AutoScalingGroupName=self.group, ScalingProcesses=["Launch"]
                )
                resumed = True
            why = self.wait_whole(missing)
            if not why or sweeps == MOST_SWEEPS:
                return why, sweeps
            self.let_lease_end()
            self.lab.sweep()
            sweeps += 1

    def wait_whole(self, missing: Callable[[], str]) -> str:
        """What is missing once it is time for a sweep; empty as soon as nothing is, and nothing is under way."""
        ends_at, sweep_at = time.monotonic() + LONGEST_SECONDS, self.own_seconds() + SWEEP_EVERY_SECONDS
        while True:
            still = self.lab.aws.drain(0.2)
            why = missing() if still else "something is still under way"
            if not why or self.own_seconds() > sweep_at or time.monotonic() > ends_at:
                return why or missing()
            if still:
                time.sleep(0.2)  # what comes next comes by a timer: a status check, a relaunch

    def own_seconds(self) -> float:
        """Time as it would pass on a machine of our own: what nobody needed, and what we used."""
        return self.lab.aws.limited_seconds() + time.process_time()

    def let_lease_end(self) -> None:
        """Of an execution that died: a lease lasts as long as it takes from sweep to sweep."""
        owner = self.owner()
        if owner and self._told("stepfunctions", "describe_execution", executionArn=owner)["status"] != "RUNNING":
            with suppress(LookupError):
                self.do_expire_lease()

    # What it looks like.

    @property
    def hosts(self) -> SimulatedHosts:
        hosts: SimulatedHosts = self.lab.data_center.faulty
        return hosts

    def living(self) -> set[str]:
        return {instance_id for instance_id, host in self.hosts.world.hosts.copy().items() if not host.lost}

    def clusters(self, product: str) -> list[Raft]:
        return list(self.hosts.world.servers[product].clusters)

    def machine(self, flow: str) -> str:
        name = names.state_machine(self.cluster, flow)
        return f"arn:aws:states:{self.lab.aws.region}:{ACCOUNT}:stateMachine:{name}"

    def executions(self, flow: str, status: str) -> list[str]:
        """Their ARNs, the newest first."""
        told = self._told("stepfunctions", "list_executions", stateMachineArn=self.machine(flow), statusFilter=status)
        return [one["executionArn"] for one in told["executions"]]

    def states(self) -> dict[str, str]:
        """Lifecycle state by instance id, in the order of their launch."""
        return {one["InstanceId"]: one["LifecycleState"] for one in self._described()["Instances"]}

    def launching_stopped(self) -> bool:
        return "Launch" in {process["ProcessName"] for process in self._described()["SuspendedProcesses"]}

    def _described(self) -> dict[str, Any]:
        [group] = self._told("autoscaling", "describe_auto_scaling_groups", AutoScalingGroupNames=[self.group])[
            "AutoScalingGroups"
        ]
        return dict(group)

    def server(self, place: int) -> str:
        serving = [server for server, state in self.states().items() if state == "InService"]
        if not serving:
            raise LookupError("nobody is in service")
        return serving[place % len(serving)]

    def owner(self) -> str | None:
        key = {"pk": {"S": "lease"}, "sk": {"S": "membership"}}
        found = self._told("dynamodb", "get_item", TableName=self.lab.table_name, Key=key, ConsistentRead=True)
        return dict(found.get("Item", {})).get("owner", {}).get("S")

    def members(self) -> set[str]:
        found = self._told(
            "dynamodb",
            "query",
            TableName=self.lab.table_name,
            KeyConditionExpression="pk = :member",
            ExpressionAttributeValues={":member": {"S": "member"}},
            ConsistentRead=True,
        )
        return {item["sk"]["S"] for item in found["Items"]}

    def without_quorum(self) -> list[str]:
        return [product for product in PRODUCTS if any(raft.leader is None for raft in self.clusters(product))]

    def removals(self) -> int:
        """Peers that were removed so far, by whomever."""
        return sum(len(raft.removals) for product in PRODUCTS for raft in self.clusters(product))

    def _told(self, service: str, operation: str, **arguments: Any) -> Any:
        """What AWS answers. Faults of its APIs befall who looks as well, and he asks again."""
        for _ in range(20):
            with suppress(ClientError):
                return getattr(self.lab.aws.client(service), operation)(**arguments)
        raise RuntimeError(f"{service} {operation} does not answer")


def _of(kind: str) -> Any:
    return of_type(kind) if kind else any_event
