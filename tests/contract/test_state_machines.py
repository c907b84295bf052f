"""The state machines' files against the code: every placeholder, error name, timeout, catch and comment."""

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lambdas.domain import errors, rotation
from lambdas.domain.config import PRODUCTS
from lambdas.domain.goodbye import MAXIMUM_TURNS, drain_pause_seconds

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "cdk_app" / "state_machines").glob("*.asl.json"))
HANDLERS = {path.stem for path in (ROOT / "lambdas" / "handlers").glob("*.py")} - {"__init__"}
OURS = {name for name, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.QuorateError)}
STATES_ERRORS = {"States.ALL", "States.Timeout", "States.HeartbeatTimeout"}
LAMBDA_ERRORS = {
    # Of the service and its SDK, as Step Functions names them.
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.Unknown",
    # Of a function's process that died or ran out of its time.
    "Runtime.ExitError",
    "Sandbox.Timedout",
}


def states(machine: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    """Each state with its name and the machine or processor that it lives in."""
    for name, state in machine["States"].items():
        yield name, state, machine
        if "ItemProcessor" in state:
            yield from states(state["ItemProcessor"])


def every_state() -> list[Any]:
    return [
        pytest.param(file, name, state, home, id=f"{file.name.split('.')[0]}-{name}")
        for file in FILES
        for name, state, home in states(json.loads(file.read_text()))
    ]


def pascal(handler: str) -> str:
    return "".join(part.capitalize() for part in handler.split("_"))


def test_there_are_machines() -> None:
    flows = ("node_launch", "form_cluster", "node_terminate", "renew_certificates", "rotate_secrets", "sweep")
    assert {file.name for file in FILES} == {f"{flow}.asl.json" for flow in flows}


def test_placeholders_are_exactly_the_handlers() -> None:
    """Every placeholder names a handler, and every handler is called by a machine or by the rule on commands."""
    used = {name for file in FILES for name in re.findall(r"\$\{(\w+)\}", file.read_text())}
    assert used | {"CompleteCommandArn"} == {f"{pascal(handler)}Arn" for handler in HANDLERS}


@pytest.mark.parametrize(("file", "name", "state", "home"), every_state())
def test_every_state_says_why_and_leads_somewhere(
    file: Path, name: str, state: dict[str, Any], home: dict[str, Any]
) -> None:
    assert len(state.get("Comment", "")) > 10, f"{name} has no comment"
    targets = [state["Next"]] if "Next" in state else []
    targets += [catch["Next"] for catch in state.get("Catch", [])]
    targets += [rule["Next"] for rule in state.get("Choices", [])] + ([state["Default"]] if "Default" in state else [])
    assert (state["Type"] == "Choice") == ("Default" in state), f"{name} leads nowhere where no rule fits"
    assert set(targets) <= set(home["States"]), f"{name} leads to a state that does not exist"
    assert state["Type"] in {"Succeed", "Fail"} or state.get("End") or targets


@pytest.mark.parametrize(("file", "name", "state", "home"), every_state())
def test_every_task_has_a_timeout_named_retries_and_a_catch(
    file: Path, name: str, state: dict[str, Any], home: dict[str, Any]
) -> None:
    if state["Type"] == "Map":
        assert state["Catch"], f"{name}: a failure of its items goes nowhere"
    if state["Type"] != "Task":
        return
    assert "TimeoutSeconds" in state or "TimeoutSecondsPath" in state
    retried = [error for retry in state["Retry"] for error in retry["ErrorEquals"]]
    assert "States.ALL" not in retried, "a retry names what it retries"
    assert "Catch" in state or "ProcessorConfig" in home, "inside a Map the Map catches; elsewhere the task does"
    for error in [*retried, *(error for catch in state.get("Catch", []) for error in catch["ErrorEquals"])]:
        assert error in OURS | STATES_ERRORS | LAMBDA_ERRORS, f"{name} names unknown error {error}"


def test_sending_a_command_is_the_same_everywhere() -> None:
    senders = [
        json.dumps(state, sort_keys=True)
        for file in FILES
        for name, state, _ in states(json.loads(file.read_text()))
        if name == "Send"
    ]
    assert len(senders) >= 9
    assert len(set(senders)) == 1


EVENTS_OF_AN_EXECUTION = 25_000
"""A hard quota of Standard workflows: the execution fails at it."""

EVENTS = {"Task": 5, "Map": 4, "Choice": 2, "Pass": 2, "Wait": 2, "Succeed": 2, "Fail": 1}
"""Entered, scheduled, started, succeeded, exited; a task with a token is also submitted."""


def history(states: dict[str, Any], path: list[str], items: dict[str, int]) -> int:
    """Events of going through the states of `path` once; `items` says how many a Map has, one where it says nothing."""
    total = 0
    for name in path:
        state = states[name]
        total += EVENTS[state["Type"]] + ("waitForTaskToken" in state.get("Resource", ""))
        if state["Type"] == "Map":
            inner = state["ItemProcessor"]
            total += items.get(name, 1) * (2 + history(inner["States"], [inner["StartAt"]], items))
    return total


TURN = ["TakeTurn", "Turn", "Observe", "Decide", "Decision", "ChangeMembership", "EndTurn", "Again", "Pause"]


@pytest.mark.parametrize(("servers", "share"), [(7, 0.75), (10, 1.0)])
def test_a_goodbye_that_waits_its_whole_time_stays_within_its_history(servers: int, share: float) -> None:
    """Seven servers leave room for what is retried; ten are seven and those that replace them."""
    machine = json.loads((ROOT / "cdk_app" / "state_machines" / "node_terminate.asl.json").read_text())
    turn = history(machine["States"], TURN, {"Observe": servers * len(PRODUCTS)})
    assert MAXIMUM_TURNS * turn < share * EVENTS_OF_AN_EXECUTION


@pytest.mark.parametrize(("nodes", "share"), [(1, 0.5), (rotation.BATCH, 1.0)])
def test_a_rotation_that_waits_for_somebody_stays_within_its_history(nodes: int, share: float) -> None:
    """A turn asks one server, or a batch of nodes; a batch that does not answer is asked again."""
    machine = json.loads((ROOT / "cdk_app" / "state_machines" / "rotate_secrets.asl.json").read_text())
    path = ["PlanTurn", "Turn", "Run", "JudgeTurn", "Again", "Pause"]
    turn = history(machine["States"], path, {"Run": nodes})
    assert rotation.MAXIMUM_TURNS * turn < share * EVENTS_OF_AN_EXECUTION


def test_a_drain_of_a_day_stays_within_its_history() -> None:
    machine = json.loads((ROOT / "cdk_app" / "state_machines" / "node_terminate.asl.json").read_text())
    a_round = history(machine["States"], ["DrainClient", "Drained", "Drain", "PauseDrain"], {})
    seconds, waited, rounds = 1440 * 60, 0, 0
    while waited < seconds:
        rounds += 1
        waited += drain_pause_seconds(rounds, seconds)
    assert rounds * a_round < 0.9 * EVENTS_OF_AN_EXECUTION
    assert machine["TimeoutSeconds"] > seconds


def test_an_execution_ends_before_its_hook_does() -> None:
    """Auto Scaling ends a hook after 48 hours, however often it is kept open."""
    for file in FILES:
        assert json.loads(file.read_text())["TimeoutSeconds"] < 48 * 3600
