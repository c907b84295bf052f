"""A command's end and what it means."""

import pytest

from lambdas.domain.errors import BadParameter, NodeFailed, NodeNotReady
from lambdas.domain.outcome import Invocation, read_outcome


def outcome(status: str = "Success", details: str = "", code: int = 0, stdout: str = '{"ok": true}', stderr: str = ""):
    return read_outcome(
        Invocation(status, details or status, code, stdout, stderr), component="consul", phase="install"
    )


def test_success_returns_the_json_line() -> None:
    done = outcome(stdout='noise from a tool\n{"version": "1.22.5"}\n')
    assert (done.error, done.result) == (None, {"version": "1.22.5"})


@pytest.mark.parametrize("stdout", ["", "done", "[1]", '{"half": ', '{"a": 1}\ntrailing words'])
def test_success_without_its_json_line_is_a_failure(stdout: str) -> None:
    done = outcome(stdout=stdout)
    assert done.error is NodeFailed
    assert "without its JSON line" in done.reason


@pytest.mark.parametrize(
    ("code", "error"), [(64, BadParameter), (69, NodeNotReady), (75, NodeNotReady), (70, NodeFailed), (137, NodeFailed)]
)
def test_exit_codes_have_their_meaning(code: int, error: type) -> None:
    done = outcome("Failed", code=code, stdout='{"reason": "checksum differs"}', stderr="last words")
    assert done.error is error
    assert "consul install" in done.reason
    assert f"exit {code}" in done.reason
    assert "checksum differs" in done.reason
    assert done.reason.endswith("last words")


@pytest.mark.parametrize(
    ("status", "details", "error"),
    [
        ("TimedOut", "ExecutionTimedOut", NodeFailed),
        ("TimedOut", "DeliveryTimedOut", NodeNotReady),
        ("Cancelled", "Cancelled", NodeFailed),
        ("Failed", "Undeliverable", NodeNotReady),
        ("Failed", "Terminated", NodeFailed),
    ],
)
def test_commands_that_never_ended_have_a_meaning_too(status: str, details: str, error: type) -> None:
    assert outcome(status, details, code=-1, stdout="").error is error


def test_a_cancelled_command_with_exit_code_0_is_not_healthy() -> None:
    assert outcome("Cancelled", code=0).error is NodeFailed


def test_only_the_last_words_of_stderr_travel() -> None:
    assert len(outcome("Failed", code=70, stdout="", stderr="x" * 8000).reason) < 600
