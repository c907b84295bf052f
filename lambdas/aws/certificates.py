"""What each node holds, since it was seen to serve it: until when, without asking the node."""

from lambdas.aws import table
from lambdas.domain.renewal import Issued

KEEP_DAYS = 30
"""After its end: an alarm about a node that nobody could renew names it for a while."""


def write(name: str, issued: Issued) -> None:
    item = issued.model_dump(exclude={"instance_id"})
    item["expires_at"] = int(issued.not_after) + KEEP_DAYS * table.DAY_SECONDS
    table.put(name, "certificate", issued.instance_id, item)


def every(name: str) -> list[Issued]:
    return [Issued.model_validate({"instance_id": item["sk"]} | item) for item in table.query(name, "certificate")]


def forget(name: str, instance_id: str) -> None:
    table.delete(name, "certificate", instance_id)
