"""The search itself: values in every spelling, against texts that say where they are from."""

import base64
from collections.abc import Iterable, Iterator
from typing import NamedTuple

SHORTEST = 16
"""Characters of a value: what is shorter is a number or a name, and would be found by chance."""


class Place(NamedTuple):
    where: str
    content: bytes


class Leak(NamedTuple):
    where: str
    secret: str
    """Its name: a report must not hold the value."""
    spelling: str


def hunt(secrets: dict[str, str], places: Iterable[Place]) -> list[Leak]:
    """Where which of `secrets` (value by name) is, and how it is written there."""
    meant = {
        spelled: (name, how)
        for name, value in secrets.items()
        if len(value) >= SHORTEST
        for how, spelled in spellings(value.encode())
    }
    if not meant:
        raise ValueError("no secret to look for: a hunt for nothing proves nothing")
    # One search for each: an alternation tries all of them at each byte, and takes hours where this takes seconds.
    return sorted(
        {Leak(place.where, *which) for place in places for spelled, which in meant.items() if spelled in place.content}
    )


def spellings(value: bytes) -> Iterator[tuple[str, bytes]]:
    """Plain, as a JSON string has it, in hex, and in base64 at each of the three places in which it may begin."""
    yield "plain", value
    if (escaped := value.replace(b"\n", b"\\n")) != value:
        yield "JSON", escaped
    yield "hex", value.hex().encode()
    yield "HEX", value.hex().upper().encode()
    for offset in range(3):
        whole = base64.b64encode(b"\0" * offset + value).rstrip(b"=")
        yield "base64", whole[(0, 2, 3)[offset] : -2]  # without what its neighbours have a share in
