"""State machines' definitions, parsed once in the life of a process for all clusters that it has.

A large one takes moto's parser 200 ms. Clusters have the same machines but for the ARNs of their functions, which are
put into a copy of what was parsed.
"""

import functools
import io
import pickle
import re
from typing import Any

from moto.stepfunctions.parser.asl.component.eval_component import EvalComponent
from moto.stepfunctions.parser.asl.parse.asl_parser import AmazonStateLanguageParser

_parse = AmazonStateLanguageParser.parse

_PLACE = "lab-place-"
_ARN = re.compile(r'"(arn:aws:[a-z0-9-]+:[a-z0-9-]+:\d{12}:[^"\\]+)"')

# What a Resource is decides how its state is read.
_DECIDES = re.compile(r'"Resource"\s*:\s*$')


@functools.lru_cache(maxsize=64)
def parse(definition: str) -> tuple[EvalComponent, None]:
    """As moto's parser, but for the syntax tree, which nobody reads. Raises what that raises."""
    arns: list[str] = []

    def place(found: re.Match[str]) -> str:
        if _DECIDES.search(definition, max(0, found.start() - 40), found.start()):
            return found[0]
        if found[1] not in arns:
            arns.append(found[1])
        return f'"{_PLACE}{arns.index(found[1])}"'

    general = _ARN.sub(place, definition)
    try:
        parsed = _parsed(general)
    except Exception:
        return _parse(definition)[0], None  # with the error that belongs to it
    return parsed.with_arns(arns), None


@functools.lru_cache(maxsize=64)
def _parsed(definition: str) -> "_Parsed":
    return _Parsed(_parse(definition)[0])


class _Parsed:
    """Components of a definition that has places for ARNs, to be copied with ARNs in them."""

    def __init__(self, program: EvalComponent) -> None:
        written = io.BytesIO()
        writer = _Writer(written)
        writer.dump(program)
        self._pickled = written.getvalue()
        self._types = writer.types

    def with_arns(self, arns: list[str]) -> Any:
        return _Reader(self._pickled, self._types, arns).load()


class _Writer(pickle.Pickler):
    """Types are kept as they are: by their names some are found no more, as the lab has replaced them."""

    def __init__(self, written: io.BytesIO) -> None:
        super().__init__(written)
        self.types: list[type] = []

    def persistent_id(self, one: Any) -> tuple[str, int] | None:
        if isinstance(one, type):
            if one not in self.types:
                self.types.append(one)
            return "type", self.types.index(one)
        if isinstance(one, str) and _PLACE in one:
            return "arn", int(one.removeprefix(_PLACE))  # ValueError where it has become a part of something
        return None


class _Reader(pickle.Unpickler):
    def __init__(self, pickled: bytes, types: list[type], arns: list[str]) -> None:
        super().__init__(io.BytesIO(pickled))
        self._kept: dict[str, Any] = {"type": types, "arn": arns}

    def persistent_load(self, kept: tuple[str, int]) -> Any:
        kind, index = kept
        return self._kept[kind][index]
