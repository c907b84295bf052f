"""A query looks at its partition only: moto sorts the whole table first, by values that it works out at each look."""

import inspect
from typing import Any

from moto.dynamodb.models import Table

from lab.aws.cloud import Cloud


class TableQueries:
    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def install(self) -> None:
        self._cloud.seams.wrap(Table, "query", _within_partition)


def _within_partition(query: Any) -> Any:
    parameters = list(inspect.signature(query).parameters)
    index_at = parameters.index("index_name")

    def query_partition(*given: Any, **named: Any) -> Any:
        table, hash_key, *_ = given
        index = given[index_at] if len(given) > index_at else named.get("index_name")
        if index or hash_key not in table.items:
            return query(*given, **named)
        part = object.__new__(Table)  # as moto makes one it would be another of the account's tables
        part.__dict__ |= table.__dict__ | {"items": {hash_key: table.items[hash_key]}}
        return query(part, *given[1:], **named)

    return query_partition
