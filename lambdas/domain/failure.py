"""A state machine's `{Error, Cause}` as one error name and one sentence."""

import re
from dataclasses import dataclass
from typing import Any, Self

from lambdas.domain.plain_json import read_object

CAUSE_CHARACTERS = 2_000
"""Enough for the sentence and stderr's last words; histories hold every cause several times."""


_NODE = re.compile(r"(i-[0-9a-f]{8,17}): ")


@dataclass(frozen=True)
class Failure:
    error: str
    cause: str

    @property
    def node(self) -> str | None:
        """The instance whose command failed: a command's cause begins with it."""
        found = _NODE.match(self.cause)
        return found[1] if found else None

    @classmethod
    def from_state(cls, failure: dict[str, Any]) -> Self:
        """A Lambda's cause is JSON with `errorMessage` and a stack trace: the message alone is for the operator."""
        error, cause = str(failure.get("Error", "Unknown")), str(failure.get("Cause", ""))
        if (told := read_object(cause)) and "errorMessage" in told:
            cause = str(told["errorMessage"])
        if error == "States.Timeout":
            cause = cause or "no answer in time, and none when asked once more"
        # A Fail state must not name an error `States.*`: the prefix is the language's own.
        return cls(error.removeprefix("States."), (cause or error)[:CAUSE_CHARACTERS])
