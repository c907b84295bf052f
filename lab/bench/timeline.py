"""Where the time of a formation went: the states on its critical path, and what each of them was busy with.

The path to a formed cluster: the launch of the server that arrived last, `form_cluster`, and the launch of the client
from there on. Within a state, time belongs to the scripts of its commands; what is left, to Lambda handlers; what is
left then is waiting: delivery, events, Step Functions itself, and the processors that all of it shares.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from lab.aws import EmbeddedAws, ExecutionRecord
from lab.aws.lambda_functions import Invoked
from lab.bench.launches import instance_of, kind_of
from lambdas.domain import names

Interval = tuple[float, float]
"""From, to, in seconds since the epoch."""


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


def critical_path(aws: EmbeddedAws, cluster: str, started_at: float, ended_at: float) -> list[Segment]:
    """From the hosts' release to the moment when all was there; times are in seconds since the epoch."""
    launches = aws.executions(names.state_machine(cluster, "node_launch"))
    formations = [e for e in aws.executions(names.state_machine(cluster, "form_cluster")) if e.status == "SUCCEEDED"]
    scripts, invoked = read_scripts(aws), aws.invoked
    by_kind = {kind: [one for one in launches if kind_of(one) == kind] for kind in ("server", "client")}
    if not (formations and by_kind["server"]):
        return []
    formation = formations[-1]
    begins, ends = _seconds(formation.started_at), _seconds(formation.stopped_at or formation.started_at)
    last = max(by_kind["server"], key=lambda one: _entered(one, "AwaitFormation") or 0.0)
    segments: list[Segment] = []
    at = started_at
    paths = [(last, "server", begins), (formation, "form_cluster", ends)]
    paths += [(one, "client", ended_at) for one in by_kind["client"][:1]]
    for execution, who, until in paths:
        mine = None if execution is formation else instance_of(execution)
        for name, (first, end) in top_states(execution):
            if name == "AwaitFormation" or end <= at or first >= min(until, ended_at):
                continue
            if first > at + 0.01:
                segments.append(_segment(f"before {who}: {name}", (at, first), [], []))
                at = first
            span = (at, min(end, until, ended_at))
            of = [s for s in scripts if (mine is None or s.instance_id == mine) and _overlap(s.span, span) > 0]
            handled = [i for i in invoked if mine is None or mine in str(i.event)]
            segments.append(_segment(f"{who}: {name}", span, of, handled))
            at = span[1]
    if at < ended_at - 0.01:
        segments.append(_segment("after the last state", (at, ended_at), [], []))
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
    longest = max(scripts, key=lambda script: _overlap(script.span, span), default=None)
    words = ""
    if longest is not None:
        words = f"{'/'.join(longest.document.rsplit('-', 2)[-2:])} {longest.span[1] - longest.span[0]:.1f} s"
    return Segment(name, total, busy, with_handlers - busy, total - with_handlers, words)


def _within(spans: Iterable[Interval], span: Interval) -> float:
    return sum(_overlap(one, span) for one in spans)


def _overlap(one: Interval, other: Interval) -> float:
    return max(0.0, min(one[1], other[1]) - max(one[0], other[0]))


def _entered(execution: ExecutionRecord, state: str) -> float | None:
    return next((span[0] for name, span in top_states(execution) if name == state), None)


def _seconds(at: datetime | str) -> float:
    """Since the epoch. moto's times are naive in some places, in UTC as AWS's are."""
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
