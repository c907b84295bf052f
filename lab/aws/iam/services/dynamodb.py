"""DynamoDB: the table (or its index), the key it is encrypted with, and the partitions that a request names."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from moto.dynamodb.models import dynamodb_backends
from moto.dynamodb.models.table import Table

from lab.aws.iam.account import Account
from lab.aws.iam.calls import ApiCall
from lab.aws.iam.context import Values
from lab.aws.iam.needs import Need, Row, Rows
from lab.aws.iam.services import kms

_EQUALS = re.compile(r"(?P<name>#?[\w.]+)\s*=\s*(?P<value>:\w+)")

# What an item of a transaction needs (DynamoDB developer guide, "Using IAM with DynamoDB transactions").
TRANSACTED = {"Put": "PutItem", "Update": "UpdateItem", "Delete": "DeleteItem", "ConditionCheck": "ConditionCheckItem"}


def _table(account: Account, name: str) -> Table | None:
    found: Table | None = account.of(dynamodb_backends).tables.get(name.rsplit("/", 1)[-1])
    return found


def _needs(
    account: Account, action: str, name: str, keys: Iterable[str] | None, index: str = "", **values: Values
) -> Iterable[Need]:
    """`keys` are the partitions that are touched; None where the request does not say in a way that is read here."""
    table = _table(account, name)
    arn = table.table_arn if table else account.arn("dynamodb", f"table/{name}")
    resource = f"{arn}/index/{index}" if index else arn
    context: dict[str, Values] = {f"dynamodb:{key}": value for key, value in values.items()}
    if keys is not None:
        context["dynamodb:LeadingKeys"] = list(keys)
    yield Need(f"dynamodb:{action}", resource, context)
    encryption = (table.sse_specification or {}) if table else {}
    if encryption.get("SSEType") == "KMS":
        # The table's key is decrypted in the caller's name (DynamoDB developer guide, "Encryption at rest: How it
        # works"), cached for five minutes a principal, which a permission must not rely on.
        names = {"aws:dynamodb:tableName": table.name, "aws:dynamodb:subscriberId": account.id} if table else {}
        yield kms.through(account, "dynamodb", "Decrypt", encryption["KMSMasterKeyId"], names)


def _plain(value: Mapping[str, Any]) -> str:
    [text] = value.values()
    return str(text)


def _partition(account: Account, name: str, item: Mapping[str, Any]) -> list[str] | None:
    table = _table(account, name)
    value = item.get(table.hash_key_attr) if table else None
    return [_plain(value)] if value else None


def _on_item(operation: str, parameter: str) -> Row:
    def row(call: ApiCall, account: Account) -> Iterable[Need]:
        name = call.text("TableName")
        keys = _partition(account, name, call.parameters.get(parameter) or {})
        return _needs(account, operation, name, keys, ReturnValues=call.text("ReturnValues") or None)

    return row


def _query(call: ApiCall, account: Account) -> Iterable[Need]:
    name, index = call.text("TableName"), call.text("IndexName")
    keys = None if index else _queried(call, _table(account, name))
    return _needs(account, "Query", name, keys, index, Select=call.text("Select") or None)


def _queried(call: ApiCall, table: Table | None) -> list[str] | None:
    names = call.parameters.get("ExpressionAttributeNames") or {}
    values = call.parameters.get("ExpressionAttributeValues") or {}
    for found in _EQUALS.finditer(call.text("KeyConditionExpression")):
        if table and names.get(found["name"], found["name"]) == table.hash_key_attr and found["value"] in values:
            return [_plain(values[found["value"]])]
    return None


def _scan(call: ApiCall, account: Account) -> Iterable[Need]:
    # A scan touches every partition and names none: LeadingKeys is not there, and "for all" would hold (that is AWS's
    # own trap; its guide has the action denied apart).
    return _needs(
        account, "Scan", call.text("TableName"), (), call.text("IndexName"), Select=call.text("Select") or None
    )


def _batch(operation: str) -> Row:
    def row(call: ApiCall, account: Account) -> Iterable[Need]:
        for name in call.parameters.get("RequestItems") or {}:
            yield from _needs(account, operation, name, None)

    return row


def _transact(call: ApiCall, account: Account) -> Iterable[Need]:
    for item in call.parameters.get("TransactItems") or ():
        for kind, request in item.items():
            action = TRANSACTED.get(kind, "GetItem")
            key = request.get("Key") or request.get("Item") or {}
            yield from _needs(account, action, request["TableName"], _partition(account, request["TableName"], key))


ROWS: Rows = {
    "GetItem": _on_item("GetItem", "Key"),
    "PutItem": _on_item("PutItem", "Item"),
    "UpdateItem": _on_item("UpdateItem", "Key"),
    "DeleteItem": _on_item("DeleteItem", "Key"),
    "Query": _query,
    "Scan": _scan,
    "BatchGetItem": _batch("BatchGetItem"),
    "BatchWriteItem": _batch("BatchWriteItem"),
    "TransactGetItems": _transact,
    "TransactWriteItems": _transact,
    "DescribeTable": lambda call, account: (
        Need("dynamodb:DescribeTable", account.arn("dynamodb", f"table/{call.text('TableName')}")),
    ),
}
