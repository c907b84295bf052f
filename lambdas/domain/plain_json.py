"""A script's JSON line, as everything behind it can carry it: Step Functions, DynamoDB, our own words.

A node's output is input. Python reads more than JSON has (`NaN`, half a character, the second of two equal keys), and
a thousand brackets exhaust its stack; what DynamoDB then refuses would leave a command without an answer.
"""

import json
from typing import Any

DEPTH_LIMIT = 20
"""Levels of nesting; DynamoDB takes 32 (quotas: nested attribute depth), the deepest line that we print has four."""

DIGITS = 18
"""Of a number: DynamoDB has 38, and JSON's readers elsewhere are sure of 15 to 19."""


def read_object(text: str) -> dict[str, Any] | None:
    """The object that `text` is, or None where it is anything else."""
    try:
        value = json.loads(
            text, parse_int=_whole, parse_float=_fraction, parse_constant=_refuse, object_pairs_hook=_once_each
        )
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and _can_be_carried(value, DEPTH_LIMIT) else None


def _whole(digits: str) -> int:
    if len(digits.lstrip("-")) > DIGITS:
        raise ValueError("a number has too many digits")
    return int(digits)


def _fraction(digits: str) -> float:
    value = float(digits)
    if not abs(value) < 10**DIGITS:
        raise ValueError("a number is too large")
    return value


def _refuse(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


def _once_each(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a key is there twice")
    return found


def _can_be_carried(value: Any, levels: int) -> bool:
    match value:
        case str():
            return not any("\ud800" <= character <= "\udfff" for character in value)
        case dict():
            inner: list[Any] = [*value, *value.values()]
        case list():
            inner = value
        case _:
            return True
    return levels > 0 and all(_can_be_carried(one, levels - 1) for one in inner)
