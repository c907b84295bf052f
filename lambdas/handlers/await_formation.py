"""Called by node_launch: AwaitFormation, by task token. Registers the arrival, answers or lets wait."""

import time
from typing import Any

from lambdas.aws import cluster_config, executions, formation_record, instances, lifecycle, members
from lambdas.domain import names
from lambdas.domain.config import ClusterConfig
from lambdas.domain.delivery import Delivery
from lambdas.domain.errors import NodeFailed, NodeNotReady
from lambdas.domain.events import LifecycleAction
from lambdas.domain.formation import MAXIMUM_ATTEMPTS, Arrival, Record, answer_arrival, execution_name
from lambdas.domain.node import Node
from lambdas.observability import decided, entry
from lambdas.settings import Settings


@entry
def handler(event: dict[str, Any], context: object) -> None:
    """`event`: {"node", "lifecycle", "certificate", "execution", "token"}.

    Raises ClusterProtected, NodeFailed, NodeNotReady.
    """
    settings = Settings.from_environment()
    node = Node.model_validate(event["node"])
    arrival = Arrival(
        node=node,
        certificate=Delivery.model_validate(event["certificate"]),
        token=event["token"],
        execution=event["execution"],
        arrived_at=time.time(),
    )
    if not lifecycle.keep_open(LifecycleAction.model_validate(event["lifecycle"])):
        raise NodeFailed(f"{node.instance_id} was terminated while it launched: its lifecycle action is over")
    # Token first, record second: whoever concludes formation writes the record first and looks for tokens second.
    formation_record.arrive(settings.table_name, arrival)
    record = formation_record.read(settings.table_name)
    config = cluster_config.load(settings.config_parameter)
    formed = record.status == "formed"  # then the record says it all; in a storm of launches, arrivals are many
    groups = (names.autoscaling_group(config.name, group.name) for group in config.server_groups)
    answer = answer_arrival(
        config,
        record,
        () if formed else formation_record.arrivals(settings.table_name),
        frozenset() if formed else instances.alive(groups),
        node,
        attempt_runs=not formed and record.execution is not None and executions.is_running(record.execution),
    )
    decided(answer.reason, node=node.instance_id, action=answer.action)
    match answer.action:
        case "go":
            see_address_is_free(settings.table_name, node)
            executions.succeed_task(arrival.token, {"role": answer.role})
        case "form":
            _start_attempt(config, settings, record)


def see_address_is_free(table: str, node: Node) -> None:
    """Consul and Nomad know a peer by its address too: the one that had this address before has to be gone first."""
    before = [one.instance_id for one in members.every(table) if one.private_ip == node.private_ip]
    if others := sorted(set(before) - {node.instance_id}):
        raise NodeNotReady(f"{node.private_ip} is still the address of {', '.join(others)}: waits for its goodbye")


def _start_attempt(config: ClusterConfig, settings: Settings, record: Record) -> None:
    """Start the next attempt whose name was not used by one that ended before it could claim the record."""
    for attempt in range(record.attempt + 1, MAXIMUM_ATTEMPTS + 1):
        name = execution_name(config.name, record.generation, attempt)
        if executions.start(settings.form_cluster_arn, name, {"attempt": attempt}):
            return
