"""The cluster's one DynamoDB table. Items are keyed `pk`, `sk`; `docs/architecture.md` lists them."""

import time
from decimal import Decimal
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from lambdas.aws.clients import client
from lambdas.aws.errors import code_of, translated

DAY_SECONDS = 86_400

Item = dict[str, Any]

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


def get(table: str, pk: str, sk: str) -> Item | None:
    """The item, read consistently."""
    with translated(f"read {pk}/{sk}"):
        found = client("dynamodb").get_item(TableName=table, Key=_key(pk, sk), ConsistentRead=True).get("Item")
    return None if found is None else _plain(found)


def query(table: str, pk: str) -> list[Item]:
    """All items of a partition, read consistently."""
    pages = (
        client("dynamodb")
        .get_paginator("query")
        .paginate(
            TableName=table,
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": {"S": pk}},
            ConsistentRead=True,
        )
    )
    with translated(f"query {pk}"):
        return [_plain(item) for page in pages for item in page["Items"]]


def put(table: str, pk: str, sk: str, item: Item, *, condition: str = "", values: Item | None = None) -> bool:
    """Write the whole item. False where `condition` does not hold. Names that DynamoDB reserves are `#name`."""
    optional = _conditional(condition, values or {}, item_names=())
    try:
        with translated(f"write {pk}/{sk}"):
            client("dynamodb").put_item(TableName=table, Item={**_wire(item), **_key(pk, sk)}, **optional)
    except ClientError as error:
        if code_of(error) == "ConditionalCheckFailedException":
            return False
        raise
    return True


def update(
    table: str,
    pk: str,
    sk: str,
    changes: Item,
    *,
    add: Item | None = None,
    condition: str = "",
    values: Item | None = None,
) -> Item | None:
    """Set `changes`, add to the numbers in `add`, return the item after. None where `condition` does not hold."""
    names = [*changes, *(add or {})]
    sets = ", ".join(f"#{name} = :set_{name}" for name in changes)
    adds = ", ".join(f"#{name} :add_{name}" for name in add or {})
    expression = " ".join(part for part in (f"SET {sets}" if sets else "", f"ADD {adds}" if adds else "") if part)
    given = {f"set_{name}": value for name, value in changes.items()} | {
        f"add_{name}": value for name, value in (add or {}).items()
    }
    try:
        with translated(f"update {pk}/{sk}"):
            after = client("dynamodb").update_item(
                TableName=table,
                Key=_key(pk, sk),
                UpdateExpression=expression,
                ReturnValues="ALL_NEW",
                **_conditional(condition, given | (values or {}), item_names=names),
            )["Attributes"]
    except ClientError as error:
        if code_of(error) == "ConditionalCheckFailedException":
            return None
        raise
    return _plain(after)


def delete(table: str, pk: str, sk: str, *, condition: str = "", values: Item | None = None) -> bool:
    """False where `condition` does not hold."""
    optional = _conditional(condition, values or {}, item_names=())
    try:
        with translated(f"delete {pk}/{sk}"):
            client("dynamodb").delete_item(TableName=table, Key=_key(pk, sk), **optional)
    except ClientError as error:
        if code_of(error) == "ConditionalCheckFailedException":
            return False
        raise
    return True


def expiry(days: int) -> int:
    """A value for `expires_at`, in seconds since the epoch; DynamoDB deletes within about two days after."""
    return int(time.time()) + days * DAY_SECONDS


def _key(pk: str, sk: str) -> Item:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def _conditional(condition: str, values: Item, item_names: tuple[str, ...] | list[str]) -> Item:
    """Expression arguments; every `#name` in the condition stands for the attribute of that name."""
    mentioned = {word.strip("(),")[1:] for word in condition.replace("(", " ").split() if word.startswith("#")}
    optional: Item = {}
    if condition:
        optional["ConditionExpression"] = condition
    if names := {*item_names, *mentioned}:
        optional["ExpressionAttributeNames"] = {f"#{name}": name for name in names}
    if values:
        optional["ExpressionAttributeValues"] = {
            f":{name}": _serialize(_number(value)) for name, value in values.items()
        }
    return optional


def _wire(item: Item) -> Item:
    return {name: _serialize(_number(value)) for name, value in item.items()}


def _number(value: Any) -> Any:
    """boto3's serializer refuses floats, at any depth, since DynamoDB's numbers are decimal."""
    match value:
        case float():
            return int(value) if value.is_integer() else Decimal(repr(value))
        case dict():
            return {key: _number(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_number(inner) for inner in value]
    return value


def _plain(item: Item) -> Item:
    return {name: _json(_deserialize(value)) for name, value in item.items()}


def _json(value: Any) -> Any:
    """Numbers as JSON has them, at any depth: what is read here goes on as the output of a task."""
    match value:
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
        case dict():
            return {key: _json(inner) for key, inner in value.items()}
        case list():
            return [_json(inner) for inner in value]
    return value
