"""Step Functions: executions of the state machines, with their status events, their history and a way to end them.

The interpreter is moto's. `step_functions_language` corrects how it reads the language, `step_functions_tokens` how
tasks are completed from outside.
"""

import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from moto.core.responses import ActionResult
from moto.stepfunctions import models
from moto.stepfunctions.parser import utils as parser_threads
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.program_state import ProgramStopped
from moto.stepfunctions.parser.backend.execution import BaseExecutionWorkerCommunication, Execution
from moto.stepfunctions.parser.models import StepFunctionsParserBackend, stepfunctions_parser_backends
from moto.stepfunctions.responses import StepFunctionResponse

from lab.aws.clock import timestamp
from lab.aws.cloud import Cloud
from lab.aws.event_bridge import EventBridge

SHUTDOWN_SECONDS = 10.0
JOIN_SECONDS = 0.1


@dataclass(frozen=True)
class ExecutionRecord:
    """An execution as the console shows it. `events` is its history in AWS's own form."""

    arn: str
    name: str
    machine: str
    status: str
    error: str | None
    cause: str | None
    input: Any
    output: Any
    started_at: datetime
    stopped_at: datetime | None
    events: Sequence[Mapping[str, Any]]

    @property
    def states_entered(self) -> list[str]:
        """Names in order, including those inside of Map and Parallel."""
        details = [e.get("stateEnteredEventDetails") for e in self.events]
        return [detail["name"] for detail in details if detail]

    @property
    def transitions(self) -> int:
        """What AWS bills for a Standard workflow: each state entered, and each retry."""
        kinds = [str(_kind(event)) for event in self.events]
        tries = sum(kind in {"TaskScheduled", "LambdaFunctionScheduled"} for kind in kinds)
        return len(self.states_entered) + max(0, tries - kinds.count("TaskStateEntered"))


class StepFunctions:
    def __init__(self, cloud: Cloud, event_bridge: EventBridge) -> None:
        self._cloud = cloud
        self._event_bridge = event_bridge

    def install(self) -> None:
        seams, service = self._cloud.seams, self

        def named(start_execution: Any) -> Any:
            def start(
                backend: StepFunctionsParserBackend,
                state_machine_arn: str,
                name: str | None = None,
                execution_input: str | None = None,
                trace_header: str | None = None,
            ) -> Execution:
                # Unnamed executions would all share one ARN.
                return start_execution(
                    backend, state_machine_arn, name or str(uuid.uuid4()), execution_input, trace_header
                )

            return start

        def counted(start: Any) -> Any:
            def start_counted(execution: Execution) -> None:
                service._cloud.background.begin()
                start(execution)
                service._emit(execution)

            return start_counted

        def ended(terminated: Any) -> Any:
            def end(communication: BaseExecutionWorkerCommunication) -> None:
                try:
                    terminated(communication)
                    service._note_stop(communication.execution)
                    service._emit(communication.execution)
                finally:
                    service._cloud.background.end()

            return end

        def with_text_times(get_start_execution_details: Any) -> Any:
            def details(execution: Execution) -> Any:
                result = get_start_execution_details(execution)
                result.start_time = timestamp(execution.start_date.timestamp(), milliseconds=True)
                return result

            return details

        def unless_stopped(set_error: Any) -> Any:
            def set_error_unless_stopped(environment: Environment, error: Any) -> None:
                # What a stopped execution was waiting for ends with an error, which is not how the execution ended.
                if not isinstance(environment.program_state(), ProgramStopped):
                    set_error(environment, error)

            return set_error_unless_stopped

        def stop_execution(response: StepFunctionResponse) -> ActionResult:
            arn, get = response._get_param("executionArn"), response._get_param
            execution = response.stepfunction_backend.describe_execution(arn)
            with service._cloud.lock.released():
                _abort(execution, get("error"), get("cause"))
            return ActionResult({"stopDate": datetime.now(UTC)})

        # A machine that CloudFormation makes lands in the backend that does not execute anything.
        stepfunctions_parser_backends.reset()
        seams.replace(models, "stepfunctions_backends", stepfunctions_parser_backends)
        seams.wrap(StepFunctionsParserBackend, "start_execution", named)
        seams.wrap(Execution, "start", counted)
        seams.wrap(BaseExecutionWorkerCommunication, "terminated", ended)
        seams.replace(StepFunctionResponse, "stop_execution", stop_execution)
        seams.wrap(Environment, "set_error", unless_stopped)
        seams.wrap(Execution, "get_start_execution_details", with_text_times)

    def executions(self, machine: str | None = None) -> list[ExecutionRecord]:
        """In order of their start; `machine` is a name or a part of one (CDK adds to names)."""
        with self._cloud.lock:
            found = [e for e in self._all() if machine is None or machine in e.state_machine.name]
        return [_record(execution) for execution in sorted(found, key=lambda e: e.start_date)]

    def close(self) -> None:
        """Abort what runs, and wait for the interpreter's threads."""
        for execution in self._all():
            if execution.status == "RUNNING":
                _abort(execution, "Lab.Closed", "The lab was closed.")
        deadline = time.monotonic() + SHUTDOWN_SECONDS
        threads: list[threading.Thread] = parser_threads.TMP_THREADS
        while (living := [thread for thread in threads if thread.is_alive()]) and time.monotonic() < deadline:
            for execution in self._all():
                _interrupt(execution)  # again: a branch that was on its way to a task waits only now
            living[0].join(JOIN_SECONDS)
        threads.clear()
        if living:
            raise RuntimeError(f"Step Functions threads outlived the lab: {[thread.name for thread in living]}")

    def _all(self) -> list[Execution]:
        backend = stepfunctions_parser_backends[self._cloud.account][self._cloud.region]
        return backend._get_executions()

    def _note_stop(self, execution: Execution) -> None:
        if execution.status == "ABORTED":
            state = execution.exec_worker.env.program_state()
            execution.error, execution.cause = state.error or None, state.cause or None

    def _emit(self, execution: Execution) -> None:
        record = execution.to_describe_output()
        detail = {
            "executionArn": execution.exec_arn,
            "stateMachineArn": execution.state_machine.arn,
            "name": execution.name,
            "status": execution.status,
            "startDate": int(execution.start_date.timestamp() * 1000),
            "stopDate": int(execution.stop_date.timestamp() * 1000) if execution.stop_date else None,
            "input": record.get("input"),
            "output": record.get("output"),
            "error": execution.error,
            "cause": execution.cause,
        }
        self._event_bridge.emit("aws.states", "Step Functions Execution Status Change", detail, [execution.exec_arn])


def _abort(execution: Execution, error: str | None, cause: str | None) -> None:
    """End an execution together with whatever its tasks wait for; moto leaves those waiting."""
    deadline = time.monotonic() + SHUTDOWN_SECONDS
    while execution.exec_worker.env is None and time.monotonic() < deadline:
        time.sleep(0.005)  # it was started a moment ago, and its definition is still being parsed
    environment = execution.exec_worker.env
    if environment is None:
        return
    execution.stop(stop_date=datetime.now(UTC), error=error, cause=cause)
    _interrupt(execution)


def _interrupt(execution: Execution) -> None:
    environment = execution.exec_worker.env
    if environment is not None:
        for endpoint in list(environment.callback_pool_manager._pool.values()):
            endpoint.interrupt_all()


def _kind(event: Mapping[str, Any]) -> str:
    kind = event["type"]
    return getattr(kind, "value", kind)


def _record(execution: Execution) -> ExecutionRecord:
    return ExecutionRecord(
        arn=execution.exec_arn,
        name=execution.name,
        machine=execution.state_machine.name,
        status=execution.status,
        error=execution.error,
        cause=execution.cause,
        input=execution.input_data,
        output=execution.output,
        started_at=execution.start_date,
        stopped_at=execution.stop_date,
        events=[{**e, "type": _kind(e)} for e in execution.to_history_output()["events"]],
    )
