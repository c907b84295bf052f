"""What the control plane keeps in its table: journal, lease, how formation stands, until when certificates last."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

DAY_SECONDS = 86_400
LEASE = {"pk": {"S": "lease"}, "sk": {"S": "membership"}}
ENTRY = ("cluster", "node", "execution", "what", "decision", "reason", "outcome")


def read_journal(dynamodb: Any, table: str) -> list[dict[str, str]]:
    """What was decided and done, the newest last."""
    pages = dynamodb.get_paginator("query").paginate(
        TableName=table,
        KeyConditionExpression="pk = :journal",
        ExpressionAttributeValues={":journal": {"S": "journal"}},
        ConsistentRead=True,
    )
    return [
        {"at": item["sk"]["S"].partition("#")[0]} | {name: item.get(name, {}).get("S", "") for name in ENTRY}
        for page in pages
        for item in page["Items"]
    ]


def read_certificates(dynamodb: Any, table: str) -> dict[str, dict[str, Any]]:
    """By instance id: serial, and when it began and ends, in seconds since the epoch."""
    pages = dynamodb.get_paginator("query").paginate(
        TableName=table,
        KeyConditionExpression="pk = :certificate",
        ExpressionAttributeValues={":certificate": {"S": "certificate"}},
        ConsistentRead=True,
    )
    return {
        item["sk"]["S"]: {"serial": item["serial"]["S"], "authority": int(item["authority"]["N"])}
        | {name: float(item[name]["N"]) for name in ("not_before", "not_after")}
        for page in pages
        for item in page["Items"]
    }


def describe_certificates(found: Mapping[str, Mapping[str, Any]], now: float) -> dict[str, dict[str, Any]]:
    """As `make status` tells them."""
    return {
        instance_id: {
            "serial": one["serial"],
            "not_after": datetime.fromtimestamp(one["not_after"], UTC).isoformat(timespec="seconds"),
            "days_left": round((one["not_after"] - now) / DAY_SECONDS, 1),
        }
        for instance_id, one in found.items()
    }


def read_formation(dynamodb: Any, table: str) -> dict[str, Any]:
    """The formation record: status, attempt, reason. Empty before the first server arrives."""
    key = {"pk": {"S": "formation"}, "sk": {"S": "record"}}
    found = dynamodb.get_item(TableName=table, Key=key, ConsistentRead=True)
    return {name: next(iter(value.values())) for name, value in found.get("Item", {}).items()}


def age_certificate(dynamodb: Any, table: str, instance_id: str, days: float) -> None:
    """Make the control plane believe that a node's certificate was signed so many days before it was."""
    found = read_certificates(dynamodb, table)[instance_id]
    times = {name: float(found[name]) - days * DAY_SECONDS for name in ("not_before", "not_after")}
    dynamodb.update_item(
        TableName=table,
        Key={"pk": {"S": "certificate"}, "sk": {"S": instance_id}},
        UpdateExpression="SET not_before = :began, not_after = :ends",
        ExpressionAttributeValues={":began": {"N": str(times["not_before"])}, ":ends": {"N": str(times["not_after"])}},
    )


def expire_lease(dynamodb: Any, table: str) -> str:
    """End the membership lease before its time; whose it was. Raises LookupError where nobody holds it."""
    item = dynamodb.get_item(TableName=table, Key=LEASE, ConsistentRead=True).get("Item", {})
    owner = item.get("owner", {}).get("S")
    if not owner:
        raise LookupError("nobody holds the membership lease")
    dynamodb.update_item(
        TableName=table,
        Key=LEASE,
        UpdateExpression="SET held_until = :over",
        ExpressionAttributeValues={":over": {"N": "0"}},
    )
    return str(owner).rsplit(":", 1)[-1]
