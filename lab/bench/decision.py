"""How long the domain takes to decide: seven servers in all three products, one of which goes."""

import time
from collections.abc import Sequence
from typing import Any

from lab.bench.figures import Figure
from lambdas.domain.config import PRODUCTS, ClusterConfig
from lambdas.domain.membership.decision import Decision, decide
from lambdas.domain.membership.observation import Server
from lambdas.domain.observed import observe

SERVERS, CLIENTS = 7, 1000
DECISION_MILLISECONDS = 1.0
BATCHES, BATCH = 21, 200
NOTE = f"{SERVERS} servers; {CLIENTS} clients would add nothing, they are in no observation"


def measure(part: str, config: ClusterConfig) -> tuple[Figure, ...]:
    """The decision alone, and with all that was reported parsed and merged first, as the handler does it."""
    servers, asked = sample_servers(config), sample_answers()
    subject = servers[0].instance_id
    observation = observe(config, servers, (), asked)
    check(decide(observation, subject))
    alone = _milliseconds(lambda: decide(observation, subject), BATCH)
    whole = _milliseconds(lambda: decide(observe(config, servers, (), asked), subject), 5)
    return (
        _figure(part, "decide(): one decision", alone, DECISION_MILLISECONDS),
        _figure(part, "reports merged, and decided", whole, None),
    )


def check(decision: Decision) -> None:
    """The dearest kind: every row was asked, up to the last ones."""
    assert decision.kind == "act", decision.reason


def sample_servers(config: ClusterConfig) -> tuple[Server, ...]:
    group = config.server_groups[0]
    return tuple(
        Server(_instance(number), group.name, group.serves, "in_service" if number else "leaving", f"10.0.0.{number}")
        for number in range(SERVERS)
    )


def sample_answers() -> list[dict[str, Any]]:
    """What each server says of each product, as it stands in the execution's state."""
    return [
        {
            "commands": [{"instance_id": _instance(number), "parameters": {"Serves": ",".join(PRODUCTS)}}],
            "answers": [{"result": {product: _report(product, number) for product in PRODUCTS}}],
        }
        for number in range(SERVERS)
    ]


def _report(product: str, own: int) -> dict[str, Any]:
    return {
        "running": True,
        "known": True,
        "reason": "",
        "cluster_id": None,
        "own_raft_id": f"{product}-{own}",
        "leader": f"{product}-1",
        "sealed": False if product == "vault" else None,
        "peers": [
            {
                "id": f"{product}-{number}",
                "name": _instance(number),
                "address": f"10.0.0.{number}:8300",
                "voter": True,
                "healthy": True,
            }
            for number in range(SERVERS)
        ],
    }


def _instance(number: int) -> str:
    return f"i-{number:017x}"


def _milliseconds(work: Any, times: int) -> list[float]:
    samples = []
    for _ in range(BATCHES):
        started = time.perf_counter()
        for _ in range(times):
            work()
        samples.append((time.perf_counter() - started) / times * 1000)
    return samples


def _figure(part: str, name: str, samples: Sequence[float], target: float | None) -> Figure:
    """The middle of the batches; all of them would fill the table."""
    return Figure(part, name, round(sorted(samples)[len(samples) // 2], 4), "ms", target, None, (), NOTE)
