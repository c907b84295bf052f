"""Tasks that wait for a token: completing, failing and keeping them alive from outside.

moto looks a token up by walking through all running executions (and fails when one of them has only just begun),
misses an answer that comes before the wait does, drops the cause of a failure, takes a second answer, and gives a task
that is tried again the token of its first try, which was answered.
"""

import threading
from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.state.exec.execute_state import ExecutionState
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service.state_task_service_callback import (
    StateTaskServiceCallback,
)
from moto.stepfunctions.parser.asl.eval.callback.callback import (
    CallbackEndpoint,
    CallbackOutcome,
    CallbackOutcomeFailure,
    CallbackOutcomeSuccess,
    CallbackPoolManager,
    HeartbeatEndpoint,
    HeartbeatTimedOut,
    HeartbeatTimeoutError,
)
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.responses import EmptyResult, StepFunctionResponse

from lab.aws.cloud import Cloud


class TokenError(JsonRESTError):
    code = 400

    @classmethod
    def gone(cls) -> "TokenError":
        return cls("TaskTimedOut", "Task Timed Out: 'Provided task does not exist anymore'")

    @classmethod
    def invalid(cls) -> "TokenError":
        return cls("InvalidToken", "Invalid Token: 'Invalid token'")


class TaskTokens:
    """Every token that was ever given out, and the place that waits for its answer."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._lock = threading.Lock()
        self._endpoints: dict[str, CallbackEndpoint] = {}
        self._pools: dict[str, CallbackPoolManager] = {}
        self._machines: dict[CallbackPoolManager, str] = {}
        self._over: set[str] = set()

    def install(self) -> None:
        tokens, seams = self, self._cloud.seams

        def remembering(add: Any) -> Any:
            def add_remembered(pool: CallbackPoolManager, callback_id: str) -> CallbackEndpoint:
                endpoint: CallbackEndpoint = add(pool, callback_id)
                with tokens._lock:
                    tokens._endpoints[callback_id] = endpoint
                    tokens._pools[callback_id] = pool
                return endpoint

            return add_remembered

        def forgetting(interrupt_all: Any) -> Any:
            def interrupt(endpoint: CallbackEndpoint) -> None:
                with tokens._lock:
                    tokens._over.add(endpoint.callback_id)
                interrupt_all(endpoint)

            return interrupt

        def send_task_success(response: StepFunctionResponse) -> EmptyResult:
            token = response._get_param("taskToken")
            return tokens._answer(CallbackOutcomeSuccess(token, response._get_param("output")))

        def send_task_failure(response: StepFunctionResponse) -> EmptyResult:
            token, get = response._get_param("taskToken"), response._get_param
            return tokens._answer(CallbackOutcomeFailure(token, error=get("error"), cause=get("cause")))

        def send_task_heartbeat(response: StepFunctionResponse) -> EmptyResult:
            tokens._endpoint(response._get_param("taskToken")).notify_heartbeat()
            return EmptyResult()

        seams.wrap(ExecutionState, "_evaluate_with_timeout", self._with_a_token_of_its_own)
        seams.wrap(CallbackPoolManager, "add", remembering)
        seams.wrap(CallbackEndpoint, "interrupt_all", forgetting)
        seams.replace(StepFunctionResponse, "send_task_success", send_task_success)
        seams.replace(StepFunctionResponse, "send_task_failure", send_task_failure)
        seams.replace(StepFunctionResponse, "send_task_heartbeat", send_task_heartbeat)
        seams.replace(StateTaskServiceCallback, "_wait_for_task_token_heartbeat", self._wait_with_heartbeat)
        seams.wrap(StateTaskServiceCallback, "_from_error", _with_heartbeat_timeout)

    def machine_of(self, token: str) -> str | None:
        """The ARN of the state machine that a token was given out by; what may answer it is allowed by that."""
        with self._lock:
            return self._machines.get(self._pools[token]) if token in self._pools else None

    def _with_a_token_of_its_own(self, evaluate: Any) -> Any:
        """Each try of a task has another token; what an earlier try is told no longer counts."""

        def evaluate_try(state: ExecutionState, env: Environment) -> None:
            context = env.states.context_object
            with self._lock:
                machine = context.context_object_data["StateMachine"]["Id"]
                self._machines.setdefault(env.callback_pool_manager, machine)
            if context.context_object_data["State"]["RetryCount"] and "Task" in context.context_object_data:
                env.callback_pool_manager.add(context.update_task_token())
            evaluate(state, env)

        return evaluate_try

    def _endpoint(self, token: str) -> CallbackEndpoint:
        with self._lock:
            if token not in self._endpoints:
                raise TokenError.invalid()
            if token in self._over:
                raise TokenError.gone()
            return self._endpoints[token]

    def _answer(self, outcome: CallbackOutcome) -> EmptyResult:
        endpoint = self._endpoint(outcome.callback_id)
        with self._lock:
            if endpoint.get_outcome() is not None:
                raise TokenError.gone()
            endpoint.notify(outcome)
        return EmptyResult()

    @property
    def _wait_with_heartbeat(self) -> Any:
        clock, limits = self._cloud.clock, self._cloud.limits

        def wait(
            task: StateTaskServiceCallback,
            env: Environment,
            callback_endpoint: CallbackEndpoint,
            heartbeat_endpoint: HeartbeatEndpoint,
        ) -> CallbackOutcome | HeartbeatTimedOut | None:
            period = clock.timeout(heartbeat_endpoint._heartbeat_seconds)
            beat = heartbeat_endpoint._next_heartbeat_event
            due = limits.now() + period
            # The outcome first: it may have come before this wait began.
            while (outcome := callback_endpoint.get_outcome()) is None and env.is_running():
                if beat.wait(max(0.0, due - limits.now())):
                    beat.clear()
                    due = limits.now() + period
                elif due <= limits.now() and callback_endpoint.get_outcome() is None and env.is_running():
                    return HeartbeatTimedOut()
            return outcome

        return wait


def _with_heartbeat_timeout(from_error: Any) -> Any:
    """A missed heartbeat is `States.HeartbeatTimeout`; moto calls it `States.Timeout`."""

    def translated(task: StateTaskServiceCallback, env: Environment, ex: Exception) -> FailureEvent:
        if not isinstance(ex, HeartbeatTimeoutError):
            return from_error(task, env, ex)
        event = task._get_timed_out_failure_event(env)
        kind = StatesErrorNameType.StatesHeartbeatTimeout
        event.event_details["taskTimedOutEventDetails"]["error"] = kind.to_name()
        return FailureEvent(env, StatesErrorName(typ=kind), event.event_type, event.event_details)

    return translated
