"""Does a cluster exist, who founds it, what does an arriving node do? The record alone answers."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import BaseModel, ConfigDict

from lambdas.domain import names
from lambdas.domain.config import ClusterConfig, Product
from lambdas.domain.delivery import Delivery
from lambdas.domain.errors import ClusterProtected, NodeFailed
from lambdas.domain.failure import Failure
from lambdas.domain.node import Node

MAXIMUM_ATTEMPTS = 5
"""Formation attempts in a generation before a human is asked: each one costs minutes of every waiting instance."""

Status = Literal["gathering", "forming", "formed", "failed"]
Role = Literal["founder", "joiner"]


class Record(BaseModel):
    """The formation record. `fencing` only grows; `execution` is the attempt that owns the record."""

    model_config = ConfigDict(frozen=True)

    generation: int = 1
    status: Status = "gathering"
    fencing: int = 0
    attempt: int = 0
    execution: str | None = None
    members: tuple[Node, ...] = ()
    reason: str = "no server has arrived yet"

    @property
    def at_rest(self) -> bool:
        """No attempt is under way, and none has succeeded: somebody has to start the next one."""
        return self.status in ("gathering", "failed")


class Arrival(BaseModel):
    """A node that has installed and waits; `arrived_at` is in seconds since the epoch, its first arrival's."""

    model_config = ConfigDict(frozen=True)

    node: Node
    certificate: Delivery
    token: str
    execution: str
    arrived_at: float


@dataclass(frozen=True)
class Answer:
    """What an arriving node is told: go on in a role, wait, or start an attempt first and then wait."""

    action: Literal["go", "wait", "form"]
    reason: str
    role: Role | None = None


def answer_arrival(
    config: ClusterConfig,
    record: Record,
    arrivals: Sequence[Arrival],
    alive: Collection[str],
    node: Node,
    *,
    attempt_runs: bool,
) -> Answer:
    """Decide for `node`. `alive` are instance ids in service or launching, `attempt_runs` tells of `record.execution`.

    Raises ClusterProtected when the attempts of this generation are used up.
    """
    match record.status:
        case "formed":
            if any(member.instance_id == node.instance_id for member in record.members):
                return Answer("go", f"{node.instance_id} is a founder of generation {record.generation}", "founder")
            return Answer("go", f"generation {record.generation} is formed: join it", "joiner")
        case "forming" if attempt_runs:
            return Answer("wait", f"attempt {record.attempt} of formation is under way")
    founders = choose_founders(config, arrivals, alive)
    if missing := missing_servers(config, founders):
        return Answer("wait", f"servers still to arrive: {missing}")
    if record.attempt >= MAXIMUM_ATTEMPTS:
        raise ClusterProtected(
            f"formation failed {record.attempt} times, the last time because: {record.reason}; "
            "mend the cause, then reset the formation record"
        )
    if node.kind == "client":
        return Answer("wait", "the servers form the cluster first")
    why = "the founding set is complete" if record.attempt == 0 else f"attempt {record.attempt} ended: {record.reason}"
    return Answer("form", why)


def choose_founders(config: ClusterConfig, arrivals: Sequence[Arrival], alive: Collection[str]) -> tuple[Arrival, ...]:
    """The first living servers of each group, up to its size. First come, so another attempt chooses the same ones."""
    waiting = sorted(
        (arrival for arrival in arrivals if arrival.node.kind == "server" and arrival.node.instance_id in alive),
        key=lambda arrival: (arrival.arrived_at, arrival.node.instance_id),
    )
    chosen: list[Arrival] = []
    for group in config.server_groups:
        chosen += [arrival for arrival in waiting if arrival.node.group == group.name][: group.size]
    return tuple(chosen)


def founders_to_replace(failure: Failure, members: Sequence[Node], silent: Collection[str]) -> frozenset[str]:
    """Instance ids that another attempt would fail with again: who failed for good, and whose agent answers no more."""
    failed = failure.node if failure.error == NodeFailed.__name__ else None
    return frozenset(
        member.instance_id for member in members if member.instance_id == failed or member.instance_id in silent
    )


def missing_servers(config: ClusterConfig, founders: Sequence[Arrival]) -> str:
    """Groups that lack servers as "servers 2 of 3", empty when the set is complete."""
    lacks = []
    for group in config.server_groups:
        here = sum(1 for founder in founders if founder.node.group == group.name)
        if here < group.size:
            lacks.append(f"{group.name} {here} of {group.size}")
    return ", ".join(lacks)


def choose_seed(members: Sequence[Node], product: Product) -> Node:
    """The one server that does what is done once for `product`: the first of its members, by instance id."""
    return min((member for member in members if product in member.serves), key=lambda member: member.instance_id)


def readers_of_sealed(members: Sequence[Node]) -> dict[str, dict[str, str]]:
    """For each sealed secret the instances that read it while formation runs: ids by the tag that says so."""
    return {
        secret: {names.seed_tag(product): choose_seed(members, product).instance_id for product in products}
        for secret, products in names.SEALED_SECRETS.items()
    }


def execution_name(cluster: str, generation: int, attempt: int) -> str:
    """Step Functions refuses a second execution of the same name: two starters make one attempt."""
    return f"{cluster}-g{generation}-a{attempt}"


def formation_scope(cluster: str, generation: int) -> str:
    """Scope of formation's commands: another attempt of the generation finds the commands of the one before."""
    return f"{cluster}-g{generation}"
