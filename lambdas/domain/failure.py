"""A state machine's `{Error, Cause}` as one error name and one sentence."""

import json
from dataclasses import dataclass
from typing import Any, Self

CAUSE_CHARACTERS = 2_000
"""Enough for the sentence and stderr's last words; histories hold every cause several times."""


@dataclass(frozen=True)
class Failure:
    error: str
    cause: str

    @classmethod
    def from_state(cls, failure: dict[str, Any]) -> Self:
        """A Lambda's cause is JSON with `errorMessage` and a stack trace: the message alone is for the operator."""
        error, cause = str(failure.get("Error", "Unknown")), str(failure.get("Cause", ""))
        try:
            told = json.loads(cause)
        except ValueError:
            told = None
        if isinstance(told, dict) and "errorMessage" in told:
            cause = str(told["errorMessage"])
        if error == "States.Timeout":
            cause = cause or "no answer in time, and none when asked once more"
        return cls(error, (cause or error)[:CAUSE_CHARACTERS])
