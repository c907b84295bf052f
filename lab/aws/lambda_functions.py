"""Lambda: handlers run in this process, with their own environment and timeout, and fail in AWS's words.

moto has one place that runs a function, whoever invokes it (Step Functions, the Invoke API, event sources): that place
is replaced. Asynchronous invocations, which moto runs at once and once, go to the background and are retried twice.
"""

import contextvars
import importlib
import json
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from moto.awslambda.models import LambdaFunction
from moto.awslambda.utils import get_backend
from moto.core.exceptions import JsonRESTError

from lab.aws.calls import calling_as
from lab.aws.clock import timestamp
from lab.aws.cloud import Cloud
from lab.aws.invocation import Invocation, InvocationKilled, LambdaContext, current_invocation
from lab.aws.json_copies import copied

# Delays before the second and the third try of an asynchronous invocation (Lambda guide, "Asynchronous invocation").
ASYNC_RETRY_DELAYS_SECONDS = (60.0, 120.0)

DEFAULT_TIMEOUT_SECONDS = 3


class InvokeError(JsonRESTError):
    """An error of the Invoke API itself, before or behind the function."""

    code = 500


@dataclass(frozen=True)
class Invoked:
    """One invocation that ended, for tests and the bench."""

    function: str
    event: Any
    error: str | None
    seconds: float
    ended_at: float
    """In seconds since the epoch."""
    cpu_seconds: float
    """Of the handler's own thread, which the embedded AWS answers in as well."""
    calls: int
    """AWS calls that it made."""


class LambdaFunctions:
    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self.invoked: list[Invoked] = []
        self._running: set[Invocation] = set()
        self._closed = False

    def install(self) -> None:
        functions = self

        def run(function: LambdaFunction, event: Any = None) -> tuple[str, bool, str]:
            return functions._run(function, event)

        def by_invocation_type(invoke_now: Any) -> Any:
            def invoke(function: LambdaFunction, body: Any, request: Any, response: dict[str, str]) -> Any:
                headers = {key.lower(): value for key, value in dict(request or {}).items()}
                kind = headers.get("x-amz-invocation-type", "RequestResponse")
                if kind == "Event":
                    functions.invoke_asynchronously(function, body)
                if kind != "RequestResponse":
                    return ""
                result = invoke_now(function, body, {}, response)
                if "x-amz-function-error" in response:
                    response["x-amz-function-error"] = "Unhandled"
                return result

            return invoke

        self._cloud.seams.replace(LambdaFunction, "_invoke_lambda", run)
        self._cloud.seams.wrap(LambdaFunction, "invoke", by_invocation_type)

    def named(self, name_or_arn: str) -> LambdaFunction:
        return get_backend(self._cloud.account, self._cloud.region).get_function(name_or_arn)

    def invoke_asynchronously(self, function: LambdaFunction, body: Any) -> None:
        event = json.loads(body) if body else {}
        self._cloud.background.go(self._try_asynchronously, function, event, 0)

    def kill_all(self) -> None:
        """The next AWS call of any handler that runs, or waits for its turn, ends it."""
        self._closed = True
        self._cloud.turns.end()
        for invocation in list(self._running):
            invocation.killed = True

    def _try_asynchronously(self, function: LambdaFunction, event: Any, tries_before: int) -> None:
        try:
            _, failed, _ = self._run(function, event)
        except InvokeError:
            failed = True
        if failed and tries_before < len(ASYNC_RETRY_DELAYS_SECONDS):
            delay = self._cloud.clock.wait(ASYNC_RETRY_DELAYS_SECONDS[tries_before])
            self._cloud.background.go_later(delay, self._try_asynchronously, function, event, tries_before + 1)

    def _run(self, function: LambdaFunction, event: Any) -> tuple[str, bool, str]:
        """Run the handler: its answer as JSON, whether it failed, and its log (which stays on our own stdout)."""
        event = json.loads(event) if isinstance(event, str) else event
        fault = self._cloud.chaos.lambda_fault(function.function_name, event)
        invocation = Invocation(
            environment=_environment(function), calls_allowed=fault.calls_allowed if fault else None
        )
        started_at = time.monotonic()
        if fault and fault.when == "before" and fault.calls_allowed is None:
            outcome: Outcome = _fault_outcome(fault.error, invocation)
        else:
            with self._cloud.lock.released(), self._turn():
                invocation.killed = self._closed
                outcome = self._call(function, copied(event), invocation)
            if fault and (fault.when == "after" or (fault.walk and fault.calls_allowed == invocation.calls)):
                outcome = _fault_outcome(fault.error, invocation)
            elif fault and fault.walk and fault.calls_allowed is not None:
                fault.walk.lived(fault.calls_allowed)
        seconds = time.monotonic() - started_at
        self.invoked.append(
            Invoked(
                function.function_name,
                event,
                outcome.error_type,
                seconds,
                time.time(),
                outcome.cpu_seconds,
                invocation.calls,
            )
        )
        return outcome.payload, outcome.error_type is not None, ""

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait for a place to run in, unless a handler that has one is waiting for us."""
        if current_invocation():
            yield
            return
        with self._cloud.turns.taken():
            yield

    def _call(self, function: LambdaFunction, event: Any, invocation: Invocation) -> "Outcome":
        timeout = float(function.timeout or DEFAULT_TIMEOUT_SECONDS)
        context = LambdaContext(function, invocation.request_id, timeout)
        outcomes: list[Outcome] = []
        self._running.add(invocation)

        def run() -> None:
            try:
                with invocation.active(), calling_as(f"lambda:{function.function_name}"):
                    outcome = _handle(function.handler, event, context)
                outcomes.append(replace(outcome, cpu_seconds=time.thread_time()))
            finally:
                self._running.discard(invocation)

        # A thread of its own, because a timeout must be able to leave the handler behind.
        thread = threading.Thread(target=contextvars.copy_context().run, args=(run,), daemon=True)
        thread.start()
        self._cloud.limits.join(thread, self._cloud.clock.timeout(timeout))
        if outcomes:
            return outcomes[0]
        invocation.killed = True
        message = f"{timestamp(milliseconds=True)} {invocation.request_id} Task timed out after {timeout:.2f} seconds"
        return Outcome.failed("Sandbox.Timedout", message)


@dataclass(frozen=True)
class Outcome:
    payload: str
    error_type: str | None = None
    cpu_seconds: float = 0.0

    @classmethod
    def failed(cls, error_type: str, message: str, **more: Any) -> "Outcome":
        return cls(json.dumps({"errorMessage": message, "errorType": error_type, **more}), error_type)


def _handle(handler: str, event: Any, context: LambdaContext) -> Outcome:
    module_name, _, function_name = handler.rpartition(".")
    request_id = context.aws_request_id
    try:
        module = importlib.import_module(module_name.replace("/", "."))
    except InvocationKilled:
        return _exited(request_id)
    except Exception as error:
        return Outcome.failed("Runtime.ImportModuleError", f"Unable to import module '{module_name}': {error}")
    try:
        answer = getattr(module, function_name)(event, context)
    except InvocationKilled:
        return _exited(request_id)
    except Exception as error:
        trace = traceback.format_tb(error.__traceback__)
        return Outcome.failed(type(error).__name__, str(error), requestId=request_id, stackTrace=trace)
    try:
        return Outcome(json.dumps(answer))
    except (TypeError, ValueError) as error:
        return Outcome.failed("Runtime.MarshalError", f"Unable to marshal response: {error}")


def _exited(request_id: str) -> Outcome:
    message = f"RequestId: {request_id} Error: Runtime exited with error: signal: killed"
    return Outcome.failed("Runtime.ExitError", message)


def _fault_outcome(error: str, invocation: Invocation) -> Outcome:
    service, _, code = error.rpartition(".")
    if service == "Lambda":
        raise InvokeError(code, f"{code} (Request ID: {invocation.request_id})")
    if error == "Runtime.ExitError":
        return _exited(invocation.request_id)
    return Outcome.failed(error, "injected by the lab")


def _environment(function: LambdaFunction) -> dict[str, str]:
    configured = {key: str(value) for key, value in (function.environment_vars or {}).items()}
    return {
        **configured,
        "_HANDLER": function.handler,
        "AWS_LAMBDA_FUNCTION_NAME": function.function_name,
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_size),
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_REGION": function.region,
        "AWS_DEFAULT_REGION": function.region,
    }
