"""Histories through the real state machines and handlers: one formed cluster on simulated hosts, which one misfortune
after the other befalls. After each it has to come to rest, whole.

The embedded AWS runs threads by the clock, so a seed fixes what befalls the cluster and when, not what that meets.
"""

import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

from lab.fault_commands import FaultCommands
from lab.hosts.simulated.raft import Raft
from lab.laboratory import Laboratory
from lab.preparation import prepare
from lambdas.domain import names
from lambdas.domain.config import PRODUCTS

CLUSTER = Path(__file__).parent / "machines.yaml"
TIME_SCALE = 0.01
IMPATIENT = {"timeout_scale": 0.005, "shortest_timeout_seconds": 1.5}
"""A lost event costs a time-out: a second or two of the clock."""

SWEEPS = 12
"""Most sweeps that a cluster gets until it has to be whole."""

DRAIN_SECONDS = 180.0
SIZE = 3

GOODBYE_FUNCTIONS = ("plan_terminate", "take_turn", "decide_step", "end_turn", "complete_terminate")
THROTTLED = (
    ("ssm", "SendCommand"),
    ("dynamodb", "UpdateItem"),
    ("autoscaling", "DescribeAutoScalingGroups"),
    ("autoscaling", "CompleteLifecycleAction"),
)
DISTURBANCES = ("duplicate", "delay", "drop", "kill_lambda", "throttle", "expire", "stop_goodbye", "pause", "nothing")
DEPARTURES = ("terminate", "terminate_host", "scale_in", "terminate_two", "partition")


class Broken(NamedTuple):
    number: int
    deeds: tuple[str, ...]
    why: str


class Machines:
    """Runs histories on a cluster that is open already."""

    def __init__(self, lab: Laboratory) -> None:
        self.lab = lab
        self.faults = FaultCommands(lab)
        self.group = names.autoscaling_group(lab.config.name, lab.config.server_groups[0].name)
        self.kinds: Counter[str] = Counter()
        self.broken: list[Broken] = []
        self.removals: Counter[str] = Counter()

    def live(self, seed: int, number: int) -> None:
        random = Random(seed * 1_000_003 + number)
        deeds = (*(random.choice(DISTURBANCES) for _ in range(random.randint(1, 3))), random.choice(DEPARTURES))
        self.kinds.update(deeds)
        before = {product: list(self.raft(product).removals) for product in PRODUCTS}
        late = [deed for deed in deeds if deed in ("expire", "stop_goodbye")]
        for deed in (*(deed for deed in deeds if deed not in late), *late):
            getattr(self, f"do_{deed}")(random)
            time.sleep(random.choice((0, 0.05, 0.3)))
        time.sleep(random.choice((0, 0.2, 0.6)))
        self.end_faults()
        why = self.come_to_rest() or self.wrongly_removed(before)
        if why:
            self.broken.append(Broken(number, deeds, why))

    def wrongly_removed(self, before: dict[str, list[str]]) -> str:
        """A server that is in service now was never to go, so nobody was to remove it."""
        serving = set(self.states())
        for product, removals in before.items():
            gone = self.raft(product).removals[len(removals) :]
            self.removals[product] += len(gone)
            if wronged := sorted(serving & set(gone)):
                return f"{', '.join(wronged)} was removed from {product} and is in service"
        return ""

    # What befalls it.

    def do_nothing(self, random: Random) -> None:
        """A day without a disturbance."""

    def do_duplicate(self, random: Random) -> None:
        self.faults.duplicate_events(seconds=random.choice((0, 5)))

    def do_delay(self, random: Random) -> None:
        self.faults.delay_events(times=3, seconds=random.choice((5, 30)))

    def do_drop(self, random: Random) -> None:
        self.faults.drop_events(random.choice(("Lifecycle Action", "Status-change", "terminate")), times=1)

    def do_kill_lambda(self, random: Random) -> None:
        self.faults.kill_lambda(random.choice(GOODBYE_FUNCTIONS), after_calls=random.randint(0, 4))

    def do_throttle(self, random: Random) -> None:
        self.faults.throttle_api(*random.choice(THROTTLED), times=random.randint(1, 3))

    def do_expire(self, random: Random) -> None:
        self.await_goodbye()
        with suppress(LookupError):
            self.faults.expire_lease()

    def do_stop_goodbye(self, random: Random) -> None:
        self.await_goodbye()
        for execution in self.lab.aws.executions(names.state_machine(self.lab.config.name, "node_terminate")):
            if execution.status == "RUNNING":
                self.lab.aws.client("stepfunctions").stop_execution(executionArn=execution.arn)
                return

    def do_pause(self, random: Random) -> None:
        self.faults.pause_agent(random.choice(self.serving()))

    def do_partition(self, random: Random) -> None:
        self.faults.partition([random.choice(self.serving())])
        self.do_terminate(random)

    def do_terminate(self, random: Random) -> None:
        self.terminate(random.choice(self.serving()))

    def do_terminate_two(self, random: Random) -> None:
        for server in random.sample(self.serving(), 2):
            self.terminate(server)

    def do_terminate_host(self, random: Random) -> None:
        self.faults.terminate_host(random.choice(self.serving()))

    def do_scale_in(self, random: Random) -> None:
        self.lab.scale(servers=SIZE + 2)
        self.lab.aws.drain(DRAIN_SECONDS)
        self.lab.scale(servers=SIZE)

    def terminate(self, server: str) -> None:
        self.lab.aws.client("autoscaling").terminate_instance_in_auto_scaling_group(
            InstanceId=server, ShouldDecrementDesiredCapacity=False
        )

    def await_goodbye(self) -> None:
        with suppress(TimeoutError):
            self.wait(lambda: any("Terminating" in state for state in self.states().values()), 1.0)

    # How it ends.

    def end_faults(self) -> None:
        self.faults.clear()
        self.lab.scale(servers=SIZE)

    def come_to_rest(self) -> str:
        """Why it does not; empty where it does."""
        why = ""
        for _ in range(SWEEPS):
            if not self.lab.aws.drain(DRAIN_SECONDS):
                return f"still under way after {DRAIN_SECONDS:.0f} s: {self.missing()}"
            why = self.missing()
            if not why:
                return ""
            self.lab.sweep()
            self.lab.aws.drain(DRAIN_SECONDS)
        return why

    def missing(self) -> str:
        states = self.states()
        if sorted(states.values()) != ["InService"] * SIZE:
            return f"the group has {states}"
        for product in PRODUCTS:
            clusters = self.lab.data_center.simulated.world.servers[product].clusters
            if len(clusters) != 1:
                return f"{product} has {len(clusters)} clusters"
            raft = clusters[0]
            if not set(raft.peers) == set(raft.voters) == set(states):
                return f"{product} has voters {sorted(raft.voters)} of peers {sorted(raft.peers)}, not {sorted(states)}"
            if raft.leader is None:
                return f"{product} has no leader"
        return ""

    # What it looks like.

    def raft(self, product: str) -> Raft:
        return self.lab.data_center.simulated.world.servers[product].clusters[0]

    def states(self) -> dict[str, str]:
        groups = self.lab.aws.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[self.group])
        return {one["InstanceId"]: one["LifecycleState"] for one in groups["AutoScalingGroups"][0]["Instances"]}

    def serving(self) -> list[str]:
        return sorted(node for node, state in self.states().items() if state == "InService")

    def wait(self, condition: Callable[[], bool], seconds: float) -> None:
        until = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > until:
                raise TimeoutError
            time.sleep(0.02)


def live_all(count: int, seed: int, progress: Callable[[], None]) -> tuple[Machines, dict[str, Any]]:
    """All histories one after the other. The first that does not come to rest ends them: the next would begin ill."""
    began = time.monotonic()
    prepared = prepare("simulated", CLUSTER)
    with Laboratory("simulated", CLUSTER, prepared=prepared, time_scale=TIME_SCALE, **IMPATIENT) as lab:
        lab.wait_formed()
        machines = Machines(lab)
        lived = 0
        for number in range(count):
            machines.live(seed, number)
            lived += 1
            progress()
            if machines.broken:
                break
        found = {
            "histories": lived,
            "seed": seed,
            "seconds": round(time.monotonic() - began, 1),
            "executions": len(lab.aws.executions(names.state_machine(lab.config.name, "node_terminate"))),
            "removals": dict(machines.removals),
            "kinds": dict(machines.kinds.most_common()),
            "broken": [one._asdict() for one in machines.broken],
            "errors": [str(error) for error in lab.aws.errors],
        }
    return machines, found
