"""DynamoDB's answers as they are: moto walks every attribute of every item by its shape, which took more time than all
else in a formation, and what it walks is DynamoDB's own JSON already.
"""

import json
from typing import Any

from moto.core.responses import ActionContext
from moto.dynamodb.responses import DynamoResult

from lab.aws.cloud import Cloud

ITEM_OPERATIONS = frozenset({"GetItem", "PutItem", "UpdateItem", "DeleteItem", "Query"})


class ItemAnswers:
    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def install(self) -> None:
        self._cloud.seams.wrap(DynamoResult, "execute_result", _at_once)


def _at_once(execute_result: Any) -> Any:
    def execute(answer: DynamoResult, context: ActionContext) -> Any:
        if context.operation_model.name not in ITEM_OPERATIONS:
            return execute_result(answer, context)
        known = context.operation_model.output_shape.members
        told = {key: value for key, value in answer.result.items() if key in known and value is not None}
        try:
            body = json.dumps(told)
        except TypeError:  # binary attributes
            return execute_result(answer, context)
        return 200, {"Content-Type": "application/x-amz-json-1.0"}, body

    return execute
