"""The formation record and the arrivals that wait for it: conditional writes only."""

import time

from lambdas.aws import table
from lambdas.domain.formation import Arrival, Record
from lambdas.domain.node import Node

ARRIVAL_DAYS = 7


def read(name: str) -> Record:
    item = table.get(name, "formation", "record")
    return Record() if item is None else _record(item)


def claim(name: str, *, execution: str, attempt: int) -> Record | None:
    """Make `execution` the owner of formation, with a higher fencing number. A repetition by the owner changes nothing.

    None where a later attempt owns the record or the cluster is formed.
    """
    claimed = table.update(
        name,
        "formation",
        "record",
        {
            "execution": execution,
            "attempt": attempt,
            "status": "forming",
            "reason": f"attempt {attempt} is under way",
        },
        add={"fencing": 1},
        condition="attribute_not_exists(#attempt) OR ( #status <> :formed AND #attempt < :mine )",
        values={"formed": "formed", "mine": attempt},
    )
    if claimed is not None:
        return _record(claimed)
    now = read(name)
    return now if now.execution == execution and now.status == "forming" else None


def keep_members(name: str, *, execution: str, members: tuple[Node, ...]) -> bool:
    return _update_as_owner(name, execution, {"members": [member.model_dump(mode="json") for member in members]})


def conclude(name: str, *, execution: str, status: str, reason: str) -> bool:
    """Write how the attempt ended. True where it ended so, now or before; False where it ended otherwise, or where
    `execution` no longer owns the record and its word counts for nothing."""
    if _update_as_owner(name, execution, {"status": status, "reason": reason}):
        return True
    now = read(name)
    return now.execution == execution and now.status == status


def _update_as_owner(name: str, execution: str, changes: table.Item) -> bool:
    owned = table.update(
        name,
        "formation",
        "record",
        changes,
        condition="#execution = :owner AND #status = :forming",
        values={"owner": execution, "forming": "forming"},
    )
    return owned is not None


def _record(item: table.Item) -> Record:
    return Record.model_validate({key: value for key, value in item.items() if key in Record.model_fields})


def arrive(name: str, arrival: Arrival) -> None:
    """Write the node's token before anybody looks for it; the time of its first arrival stays."""
    before = table.get(name, "arrival", arrival.node.instance_id)
    first = before["arrived_at"] if before else arrival.arrived_at
    item = arrival.model_dump(mode="json") | {"arrived_at": first, "expires_at": table.expiry(ARRIVAL_DAYS)}
    table.put(name, "arrival", arrival.node.instance_id, item)


def arrivals(name: str) -> list[Arrival]:
    return [
        Arrival.model_validate({key: value for key, value in item.items() if key in Arrival.model_fields})
        for item in table.query(name, "arrival")
        if item["expires_at"] > time.time()  # expiry is lazy: an item may be read for days after it
    ]


def leave(name: str, instance_id: str) -> None:
    table.delete(name, "arrival", instance_id)
