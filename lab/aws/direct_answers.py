"""A client of this process reads moto's answers by their shape, without the text in between: XML of a group or an
instance took three times as long to write and to read as all else in the call that asked for it.
"""

import threading
from typing import Any

from botocore.model import OperationModel
from moto.core.responses import ActionContext, ActionResult

from lab.aws.answer_shapes import OnlyAsTextError, reading_of
from lab.aws.cloud import Cloud


class _Thread(threading.local):
    expecting: "DirectAnswer | None" = None


_thread = _Thread()


class DirectAnswer:
    """What a call of that operation was answered while this was open; None where only the text of the answer tells."""

    def __init__(self, model: OperationModel) -> None:
        self._operation = (model.service_model.service_name, model.name)
        self.parsed: dict[str, Any] | None = None

    def __enter__(self) -> "DirectAnswer":
        self._before, _thread.expecting = _thread.expecting, self
        return self

    def __exit__(self, *raised: object) -> None:
        _thread.expecting = self._before

    def expects(self, context: ActionContext) -> bool:
        return self._operation == (context.service_model.service_name, context.operation_model.name)


class DirectAnswers:
    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def install(self) -> None:
        self._cloud.seams.wrap(ActionResult, "execute_result", _at_once)


def _at_once(execute_result: Any) -> Any:
    def execute(answer: ActionResult, context: ActionContext) -> Any:
        expecting = _thread.expecting
        if expecting is None or isinstance(answer.result, Exception) or not expecting.expects(context):
            return execute_result(answer, context)
        transformers = context.response.RESPONSE_KEY_PATH_TO_TRANSFORMER
        try:
            read = reading_of(context.operation_model, context.serializer_class, transformers)
            expecting.parsed = read(answer.result)
        except OnlyAsTextError:
            return execute_result(answer, context)
        return 200, {}, ""

    return execute
