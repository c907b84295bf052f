"""Where the time of a formation went: the states on its critical path, and what each of them was busy with.

Within a state, time belongs to the scripts of its commands; what is left, to Lambda handlers; what is
left then is waiting: delivery, events, Step Functions itself, and the processors that all of it shares.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lab.aws import EmbeddedAws, ExecutionRecord
from lab.aws.lambda_functions import Invoked
from lab.bench.launches import formation, instance_of, launched

Interval = tuple[float, float]
"""From, to, in seconds since the epoch."""

SHORTEST_SECONDS = 0.01
"""Of a pause that is told: executions keep their times in milliseconds."""


@dataclass(frozen=True)
class Script:
    """A command's run on its node."""

    instance_id: str
    document: str
    span: Interval


@dataclass(frozen=True)
class Segment:
    """A state on the critical path. The three kinds of time add up to `seconds`."""

    name: str
    seconds: float
    scripts: float
    handlers: float
    waiting: float
    longest_script: str = ""

    def as_json(self) -> dict[str, Any]:
        return {
            "state": self.name,
            "seconds": round(self.seconds, 2),
            "scripts": round(self.scripts, 2),
            "handlers": round(self.handlers, 2),
            "waiting": round(self.waiting, 2),
            "longest_script": self.longest_script,
        }


def paths(aws: EmbeddedAws, cluster: str, started_at: float, goals: Mapping[str, float]) -> dict[str, list[Segment]]:
    """By goal: `server` is when all voters vote, `client` when the job runs, in seconds since the epoch. Both paths
    begin at the hosts' release, with the launch of the server that arrived last and then `form_cluster`."""
    servers, clients = (launched(aws, cluster, kind) for kind in ("server", "client"))
    last = max(servers, key=lambda one: dict(top_states(one))["AwaitFormation"][0])
    forming = formation(aws, cluster)
    ours = _Recorded(read_scripts(aws), aws.invoked, frozenset(instance_of(one) for one in servers))
    common = ours.leg("server", last, started_at, _seconds(forming.started_at))
    formed_at = _seconds(forming.stopped_at or forming.started_at)
    common += ours.leg("form_cluster", forming, _end(common, started_at), formed_at)
    found = {}
    for kind, execution in (("server", last), *(("client", client) for client in clients[:1])):
        path = common + ours.leg(kind, execution, _end(common, started_at), goals[kind])
        if (rest := goals[kind] - _end(path, started_at)) > SHORTEST_SECONDS:
            path.append(Segment("after that", rest, 0.0, 0.0, rest))
        found[kind] = path
    return found


def _end(path: Sequence[Segment], started_at: float) -> float:
    return started_at + sum(segment.seconds for segment in path)


@dataclass(frozen=True)
class _Recorded:
    """All that was busy during a formation; `servers` are whom `form_cluster` works on."""

    scripts: Sequence[Script]
    invoked: Sequence[Invoked]
    servers: frozenset[str]

    def leg(self, who: str, execution: ExecutionRecord, first: float, last: float) -> list[Segment]:
        """What `execution` did between two moments, without the wait for formation, in which others are the path."""
        nodes = self.servers if who == "form_cluster" else frozenset({instance_of(execution)})
        scripts = [script for script in self.scripts if script.instance_id in nodes]
        invoked = [one for one in self.invoked if any(node in str(one.event) for node in (*nodes, execution.arn))]
        segments: list[Segment] = []
        at = first
        for name, (entered, left) in top_states(execution):
            if name == "AwaitFormation" or left <= at or entered >= last:
                continue
            if entered > at + SHORTEST_SECONDS:
                segments.append(_segment(f"before {who}: {name}", (at, entered), [], []))
                at = entered
            segments.append(_segment(f"{who}: {name}", (at, min(left, last)), scripts, invoked))
            at = min(left, last)
        return segments


def read_scripts(aws: EmbeddedAws) -> list[Script]:
    ssm = aws.client("ssm")
    found = []
    for page in ssm.get_paginator("list_command_invocations").paginate():
        for listed in page["CommandInvocations"]:
            one = ssm.get_command_invocation(CommandId=listed["CommandId"], InstanceId=listed["InstanceId"])
            first, last = one["ExecutionStartDateTime"], one["ExecutionEndDateTime"]
            if first and last:
                found.append(Script(listed["InstanceId"], listed["DocumentName"], (_seconds(first), _seconds(last))))
    return found


def top_states(execution: ExecutionRecord) -> list[tuple[str, Interval]]:
    """The states of the machine itself, not those inside of a Map, with when each was entered and left."""
    states, depth = [], 0
    open_at: tuple[str, float] | None = None
    for event in execution.events:
        kind, at = str(event["type"]), _seconds(event["timestamp"])
        if kind.endswith("StateEntered"):
            if depth == 0:
                open_at = (event["stateEnteredEventDetails"]["name"], at)
            depth += 1
        elif kind.endswith("StateExited"):
            depth -= 1
            if depth == 0 and open_at:
                states.append((open_at[0], (open_at[1], at)))
                open_at = None
    if open_at:
        states.append((open_at[0], (open_at[1], float("inf"))))
    return states


def covered(spans: Iterable[Interval]) -> list[Interval]:
    """The same time as disjoint spans, in order."""
    merged: list[Interval] = []
    for first, last in sorted(spans):
        if merged and first <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return merged


def _segment(name: str, span: Interval, scripts: Sequence[Script], invoked: Iterable[Invoked]) -> Segment:
    busy = _within(covered(script.span for script in scripts), span)
    both = [script.span for script in scripts] + [(one.ended_at - one.seconds, one.ended_at) for one in invoked]
    with_handlers = _within(covered(both), span)
    total = span[1] - span[0]
    scripts = [script for script in scripts if _overlap(script.span, span) > 0]
    longest = max(scripts, key=lambda script: _overlap(script.span, span), default=None)
    words = ""
    if longest is not None:
        words = f"{'/'.join(longest.document.rsplit('-', 2)[-2:])} {longest.span[1] - longest.span[0]:.1f} s"
    return Segment(name, total, busy, with_handlers - busy, total - with_handlers, words)


def _within(spans: Iterable[Interval], span: Interval) -> float:
    return sum(_overlap(one, span) for one in spans)


def _overlap(one: Interval, other: Interval) -> float:
    return max(0.0, min(one[1], other[1]) - max(one[0], other[0]))


def _seconds(at: datetime | str) -> float:
    """Since the epoch. moto's times are naive in some places, in UTC as AWS's are."""
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
