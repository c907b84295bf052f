"""From a finished command to its meaning: the exit-code table of the command contract."""

from dataclasses import dataclass
from typing import Any

from lambdas.domain.errors import BadParameter, NodeFailed, NodeNotReady, QuorateError
from lambdas.domain.phases import Phase
from lambdas.domain.plain_json import read_object

STDERR_WORDS = 400
"""Characters of stderr that travel in a failure's cause: enough to act on; a cause holds 32,768 at most."""

REASON_CHARACTERS = 2_000
"""Of the script's own reason; its scripts write a sentence."""

EXIT_CODES: dict[int, tuple[type[QuorateError] | None, str]] = {
    0: (None, "done"),
    64: (BadParameter, "bad parameter"),
    69: (NodeNotReady, "a dependency is missing"),
    70: (NodeFailed, "failed for good"),
    75: (NodeNotReady, "not ready yet"),
}

UNFINISHED = {
    "TimedOut": (NodeFailed, "ran out of its time"),
    "Cancelled": (NodeFailed, "was cancelled"),
    "Undeliverable": (NodeNotReady, "could not be delivered to the agent"),
    "DeliveryTimedOut": (NodeNotReady, "was not taken up by the agent in time"),
    "Terminated": (NodeFailed, "was ended by the agent"),
}
"""Run Command statuses (`StatusDetails`) that end a command without an exit code that means anything."""

TERMINAL_STATUSES = frozenset({"Success", "Failed", "TimedOut", "Cancelled"})
"""Values of an invocation's `Status` after which it never changes again."""

ASKED_ONCE = frozenset({Phase.OBSERVE, Phase.HAND_OVER, Phase.DRAIN, Phase.LEAVE, Phase.REMOVE})
"""Phases of a goodbye: its next turn asks again, and sees first what has changed. A state machine that repeated one of
their commands would hold a turn for as long as an agent is silent."""


@dataclass(frozen=True)
class Invocation:
    """One command on one node as Systems Manager tells it."""

    status: str
    status_details: str
    exit_code: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Outcome:
    """`error` is None where the command did its work; `result` is the script's JSON line, `reason` is never empty."""

    error: type[QuorateError] | None
    reason: str
    result: dict[str, Any]


def repeated(error: type[QuorateError], phase: str) -> type[QuorateError]:
    """The error by which the state machine knows whether to send the command again."""
    return NodeFailed if error is NodeNotReady and phase in ASKED_ONCE else error


def read_outcome(invocation: Invocation, *, component: str, phase: str) -> Outcome:
    """Say what a terminal invocation means.

    Output that is not the promised JSON line is a failure even with exit code 0: unknown is never healthy.
    """
    what = f"{component} {phase}"
    words = invocation.stderr.strip()[-STDERR_WORDS:]
    ended = UNFINISHED.get(invocation.status_details) or UNFINISHED.get(invocation.status)
    if ended:
        error, how = ended
        return Outcome(repeated(error, phase), _sentence(f"{what} {how}", words), {})
    result = _last_json_line(invocation.stdout)
    error_class, meaning = EXIT_CODES.get(invocation.exit_code, (NodeFailed, "ended with an unknown exit code"))
    if error_class is None:
        if invocation.status != "Success":
            return Outcome(NodeFailed, _sentence(f"{what} ended as {invocation.status}", words), {})
        if result is None:
            return Outcome(NodeFailed, _sentence(f"{what} exited 0 without its JSON line", words), {})
        return Outcome(None, f"{what} done", result)
    said = str((result or {}).get("reason", ""))[:REASON_CHARACTERS]
    head = f"{what}: {meaning} (exit {invocation.exit_code})" + (f": {said}" if said else "")
    return Outcome(repeated(error_class, phase), _sentence(head, words), result or {})


def _sentence(head: str, words: str) -> str:
    return f"{head}; stderr: {words}" if words else head


def _last_json_line(stdout: str) -> dict[str, Any] | None:
    lines = stdout.strip().splitlines()
    return read_object(lines[-1]) if lines else None
