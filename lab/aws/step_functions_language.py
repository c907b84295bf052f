"""How moto's interpreter reads the States language (JSONPath), where it differs from AWS.

The names in the errors of SDK integrations, the casing of their parameters and answers, paths that select one thing,
and time: waiting in the interpreter follows the lab's clock.
"""

import functools
import json
import logging
import re
import threading
import time
from types import SimpleNamespace
from typing import Any

import boto3
from botocore.config import Config
from botocore.model import OperationModel
from jsonpath_ng.ext import parse
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.path import result_path
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.common.timeouts.heartbeat import Heartbeat
from moto.stepfunctions.parser.asl.component.common.timeouts.timeout import Timeout, TimeoutSeconds
from moto.stepfunctions.parser.asl.component.eval_component import EvalComponent
from moto.stepfunctions.parser.asl.component.state.exec import execute_state
from moto.stepfunctions.parser.asl.component.state.exec.execute_state import ExecutionState
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service_callback
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service import StateTaskService
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_aws_sdk import (
    StateTaskServiceAwsSdk,
)
from moto.stepfunctions.parser.asl.component.state.wait.wait_function.wait_function import WaitFunction
from moto.stepfunctions.parser.asl.eval.callback import callback
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser
from moto.stepfunctions.parser.asl.utils import boto_client, json_path
from moto.stepfunctions.parser.asl.utils.encoding import to_json_str
from moto.stepfunctions.parser.utils import camel_to_snake_case

from lab.aws import step_functions_definitions
from lab.aws.calls import calling_as
from lab.aws.cloud import Cloud
from lab.aws.limits import LimitedEvent

PARSER = "moto.stepfunctions.parser"

# Names of services in states' resources, where boto3 has another.
BOTO_NAMES = {
    "sfn": "stepfunctions",
    "states": "stepfunctions",
    "eventbridge": "events",
    "cloudwatchlogs": "logs",
    "elasticloadbalancingv2": "elbv2",
}

# The prefix of error names of SDK integrations is Pascal case; only the first letter can be guessed.
ERROR_PREFIXES = {
    "autoscaling": "AutoScaling",
    "dynamodb": "DynamoDb",
    "eventbridge": "EventBridge",
    "secretsmanager": "SecretsManager",
}

# How often `.sync` tasks look whether their work is done; AWS is told by events.
SYNC_POLL_SECONDS = 0.05

_SELECTS_MANY = re.compile(r"\*|\.\.|\?\(|\[[^\]'\"]*[:,][^\]'\"]*\]")
_parsed = functools.lru_cache(maxsize=4096)(parse)
_parsed_target = functools.lru_cache(maxsize=4096)(result_path.parse)


class StatesLanguage:
    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self.stopping = threading.Event()

    def install(self) -> None:
        self._install_parser()
        self._install_paths()
        self._install_error_names()
        self._install_sdk_integrations()
        self._install_time()

    def _install_parser(self) -> None:
        """moto parses a definition for each execution."""
        seams = self._cloud.seams
        seams.replace(AmazonStateLanguageParser, "parse", staticmethod(step_functions_definitions.parse))
        # Executions that share components need keys for their counters that do not depend on who asks first.
        seams.replace(EvalComponent, "heap_key", property(lambda component: str(id(component))))
        # Each failed state would be logged with the whole of its component; the history has it in order.
        logger = logging.getLogger(PARSER)
        before = logger.level
        logger.setLevel(logging.CRITICAL)
        seams.on_undo(lambda: logger.setLevel(before))

    def _install_paths(self) -> None:
        self._cloud.seams.replace_everywhere(PARSER, "extract_json", json_path.extract_json, _extract)
        self._cloud.seams.replace(result_path, "parse", _parsed_target)

    def _install_error_names(self) -> None:
        self._cloud.seams.replace_everywhere(PARSER, "CustomErrorName", CustomErrorName, _error_named)

    def _install_sdk_integrations(self) -> None:
        seams = self._cloud.seams

        def attributed(eval_execution: Any) -> Any:
            def evaluate(task: StateTaskService, env: Environment) -> None:
                machine = env.states.context_object.context_object_data["StateMachine"]["Name"]
                with calling_as(f"states:{machine}"):
                    eval_execution(task, env)
                # Answers of SDK calls hold datetimes, which later states cannot read.
                env.stack[-1] = json.loads(to_json_str(env.stack[-1]))

            return evaluate

        def client_for(region: str, service: str, state_credentials: Any = None) -> Any:
            return _client(service, region)  # moto makes one for each task

        seams.replace(StateTaskService, "_SERVICE_NAME_SFN_TO_BOTO_OVERRIDES", BOTO_NAMES)
        seams.replace(StateTaskService, "_normalise_parameters", _normalise_parameters)
        seams.replace(StateTaskService, "_normalise_response", _normalise_response)
        seams.replace(StateTaskServiceAwsSdk, "_normalise_service_error_name", staticmethod(_error_prefix))
        seams.wrap(StateTaskService, "_eval_execution", attributed)
        seams.replace_everywhere(PARSER, "boto_client_for", boto_client.boto_client_for, client_for)

    def _install_time(self) -> None:
        seams, clock, stopping = self._cloud.seams, self._cloud.clock, self.stopping

        def wait_interval(function: WaitFunction, env: Environment, wait_seconds: float) -> None:
            ends_at = time.monotonic() + clock.wait(wait_seconds)
            while env.is_running() and (left := ends_at - time.monotonic()) > 0:
                env.program_state_event.wait(left)

        def without_default_timeout(from_state_props: Any) -> Any:
            def read(state: ExecutionState, state_props: Any) -> None:
                from_state_props(state, state_props)
                if state_props.get(Heartbeat) is not None and state_props.get(Timeout) is None:
                    state.timeout = TimeoutSeconds(TimeoutSeconds.DEFAULT_TIMEOUT_SECONDS)

            return read

        def scaled(eval_body: Any) -> Any:
            def evaluate(timeout: Timeout, env: Environment) -> None:
                eval_body(timeout, env)
                env.stack[-1] = clock.timeout(env.stack[-1])

            return evaluate

        seams.replace(WaitFunction, "_wait_interval", wait_interval)
        seams.wrap(Timeout, "_eval_body", scaled)
        seams.replace(retrier_decl, "time", SimpleNamespace(sleep=lambda seconds: stopping.wait(clock.wait(seconds))))
        # Both count a task's time limit: of the task, and of the token within it.
        limited = functools.partial(LimitedEvent, self._cloud.limits)
        seams.replace(execute_state, "threading", SimpleNamespace(Event=limited))
        seams.replace(callback, "Event", limited)
        seams.replace(state_task_service_callback, "_DELAY_SECONDS_SYNC_CONDITION_CHECK", SYNC_POLL_SECONDS)
        seams.wrap(ExecutionState, "from_state_props", without_default_timeout)


@functools.cache
def _client(service: str, region: str) -> Any:
    # The service says what is wrong with a state's parameters, not the client.
    config = Config(parameter_validation=False, retries={"total_max_attempts": 1})
    return boto3.client(service, region_name=region, config=config)


def _extract(path: str, data: Any) -> Any:
    """A definite path gives the value, one that may select many gives a list, perhaps empty."""
    found = [match.value for match in _parsed(path).find(data)]
    if _SELECTS_MANY.search(path):
        return found
    if not found:
        raise json_path.NoSuchJsonPathError(json_path=path, data=data)
    return found[0]


@functools.cache
def _operation(service: str, action: str) -> OperationModel | None:
    model = boto3.Session()._session.get_service_model(service)
    names = (name for name in model.operation_names if camel_to_snake_case(name) == action)
    name = next(names, None)
    return model.operation_model(name) if name else None


def _operation_of(task: StateTaskService, service: str | None, action: str | None) -> OperationModel | None:
    return _operation(task._get_boto_service_name(service), task._get_boto_service_action(action))


def _normalise_parameters(
    task: StateTaskService,
    parameters: dict[str, Any],
    boto_service_name: str | None = None,
    service_action_name: str | None = None,
) -> None:
    operation = _operation_of(task, boto_service_name, service_action_name)
    if operation is not None and operation.input_shape is not None:
        task._to_boto_request(parameters, operation.input_shape)


def _normalise_response(
    task: StateTaskService,
    response: Any,
    boto_service_name: str | None = None,
    service_action_name: str | None = None,
) -> None:
    operation = _operation_of(task, boto_service_name, service_action_name)
    if operation is not None and operation.output_shape is not None:
        task._from_boto_response(response, operation.output_shape)


def _error_named(error_name: str | None = None) -> ErrorName:
    """What leaves a Map or a Fail state may be an error of the language itself; moto has only custom names there."""
    try:
        return StatesErrorName.from_name(str(error_name))
    except ValueError:
        name = CustomErrorName.__new__(CustomErrorName)
        ErrorName.__init__(name, error_name)
        return name


def _error_prefix(service: str) -> str:
    return ERROR_PREFIXES.get(service.lower(), service[:1].upper() + service[1:])
