"""What the control plane keeps in its table about membership: the journal, and the lease."""

from typing import Any

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
