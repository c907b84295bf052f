"""What one more client costs as the cluster grows: simulated hosts, everything else as it is deployed."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from lab.aws import EmbeddedAws
from lab.bench.figures import Figure, Measured
from lab.bench.launches import instance_of, launched, per_client
from lab.laboratory import Laboratory, LabTimeoutError
from lab.products.artifact import cache_directory
from lab.products.progress import Report, Step
from lambdas.domain import names

PART = "scale"
CLIENT_TRANSITIONS, CLIENT_ROUND_TRIPS = 45, 5
GROWTH_TARGET = 1.1
"""Of the figures that are counted, between the smallest and the largest cluster. None is promised to be exact: which
of two readers of a command's end answers its task is a matter of microseconds, and costs a call more or less."""

TIME_SCALE = 0.02
STALL_SECONDS = 120.0
"""Of a growing cluster in which no handler ends any more. Clients that launch at once also arrive at once: the first of
300 is in service when most of the work for all of them is done."""

POLL_SECONDS = 1.0
"""Each look is itself work in the process that is measured."""


@dataclass(frozen=True)
class Grown:
    """The last step of growth, to `clients`, by each client that it added."""

    clients: int
    added: int
    transitions: int
    round_trips: int
    calls: float
    states: float
    handler_cpu_seconds: float
    seconds: float

    def as_json(self) -> dict[str, Any]:
        return {
            "clients": self.clients,
            "added": self.added,
            "transitions_at_most": self.transitions,
            "round_trips_at_most": self.round_trips,
            "aws_calls_per_client": round(self.calls, 1),
            "states_per_client": round(self.states, 1),
            "handler_cpu_seconds_per_client": round(self.handler_cpu_seconds, 3),
            "seconds_until_in_service": round(self.seconds, 1),
        }


def measure(cluster: Path, sizes: tuple[int, ...], progress: Report) -> Measured:
    steps = []
    progress(Step(PART, "three servers and no client"))
    with Laboratory("simulated", _with_room(cluster, max(sizes)), time_scale=TIME_SCALE) as lab:
        lab.wait_formed()
        for size in sizes:
            steps.append(_grow(lab, size, progress))
    first, last = steps[0], steps[-1]
    label = f"from {first.clients} to {last.clients} clients"
    figures = (
        _figure("client: state transitions", [one.transitions for one in steps], CLIENT_TRANSITIONS, sizes),
        _figure("client: round trips in a row", [one.round_trips for one in steps], CLIENT_ROUND_TRIPS, sizes),
        _figure("client: AWS calls", [one.calls for one in steps], None, sizes),
        _figure("client: handlers' processor time", [one.handler_cpu_seconds for one in steps], None, sizes, "s"),
        _growth(f"state transitions, {label}", last.states / first.states),
        _growth(f"AWS calls, {label}", last.calls / first.calls),
    )
    progress(Step(PART, f"{last.clients} clients", finished=True))
    return Measured(figures, {"steps": [one.as_json() for one in steps]})


def _grow(lab: Laboratory, size: int, progress: Report) -> Grown:
    cluster, before = lab.config.name, {instance_of(one) for one in launched(lab.aws, lab.config.name, "client")}
    invoked_before, calls_before = len(lab.aws.invoked), _calls(lab.aws)
    started = time.monotonic()
    lab.scale(clients=size)

    seen, changed_at = 0, started
    while (there := _in_service(lab)) < size:
        if (ended := len(lab.aws.invoked)) != seen:
            seen, changed_at = ended, time.monotonic()
        if time.monotonic() - changed_at > STALL_SECONDS:
            raise LabTimeoutError(f"{there} of {size} clients in service, and no more for {STALL_SECONDS:.0f} s")
        progress(Step(PART, f"growing to {size} clients", there, size))
        time.sleep(POLL_SECONDS)
    seconds = time.monotonic() - started
    lab.aws.drain(60.0)  # what comes after the hook's answer is counted too
    new = [one for one in launched(lab.aws, cluster, "client") if instance_of(one) not in before]
    invoked = lab.aws.invoked[invoked_before:]
    transitions, trips = per_client(new)
    return Grown(
        clients=size,
        added=len(new),
        transitions=transitions,
        round_trips=trips,
        calls=(_calls(lab.aws) - calls_before) / len(new),
        states=sum(one.transitions for one in new) / len(new),
        handler_cpu_seconds=sum(one.cpu_seconds for one in invoked) / len(new),
        seconds=seconds,
    )


def _in_service(lab: Laboratory) -> int:
    pool = names.autoscaling_group(lab.config.name, lab.config.client_pools[0].name)
    found = lab.aws.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[pool])
    states = [instance["LifecycleState"] for instance in found["AutoScalingGroups"][0]["Instances"]]
    return states.count("InService")


def _calls(aws: EmbeddedAws) -> int:
    """Calls of the control plane, not those of the nodes or ours."""
    return sum(calls.total() for caller, calls in aws.calls.by_caller().items() if caller.startswith("lambda:"))


def _with_room(cluster: Path, clients: int) -> Path:
    """The cluster file with no client at first, and room for as many."""
    content = yaml.safe_load(cluster.read_text())
    pools = content.setdefault("client_pools", [{"name": "default"}])
    pools[0] |= {"minimum": 0, "maximum": clients}
    place = cache_directory() / "clusters" / "bench" / cluster.name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(yaml.safe_dump(content, sort_keys=False))
    return place


def _figure(
    name: str, samples: list[float] | list[int], target: float | None, sizes: tuple[int, ...], unit: str = ""
) -> Figure:
    note = f"at {', '.join(map(str, sizes))} clients"
    rounded = tuple(round(one, 3) for one in samples)
    return Figure(PART, name, max(rounded), unit, target, None, rounded, note)


def _growth(name: str, ratio: float) -> Figure:
    rounded = round(ratio, 3)
    return Figure(PART, name, rounded, "", GROWTH_TARGET, None, (rounded,), "by client added; 1 is constant")
