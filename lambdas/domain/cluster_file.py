"""A cluster file to its model, or every problem in it at once.

A problem of one key must not hide the others. So a key that its type refuses is noted and left out, which gives it its
default, and the rest is looked at again; rules that rest on such a key are not judged.
"""

import difflib
import json
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from lambdas.domain.config import (
    PATTERN_WORDS,
    RULES_LATER,
    ClientPool,
    ClusterConfig,
    ExistingVpc,
    NewVpc,
    ServerGroup,
    VaultSettings,
    Versions,
)
from lambdas.domain.errors import InvalidConfig
from lambdas.domain.plain_yaml import PlainYaml, read_plain_yaml
from lambdas.domain.rules import Problem, broken_rules

Loc = tuple[str | int, ...]

MODELS: Mapping[Loc, type[BaseModel]] = {
    (): ClusterConfig,
    ("versions",): Versions,
    ("vault",): VaultSettings,
    ("network", "new"): NewVpc,
    ("network", "existing"): ExistingVpc,
    ("server_groups", 0): ServerGroup,
    ("client_pools", 0): ClientPool,
}
"""Which model's keys are expected where, as pydantic says where: any index is 0, and the kind of network is a step."""

KEY_DEPTHS: Mapping[str | int, int] = {
    "versions": 2,
    "network": 2,
    "vault": 2,
    "tags": 2,
    "server_groups": 3,
    "client_pools": 3,
}
"""How deep the keys are that can be left out one by one; the others can only go as a whole."""


def load(path: str | Path, *, available: Mapping[str, Collection[str]] | None = None) -> ClusterConfig:
    """Read `path`. Raises InvalidConfig with a line for each problem: file, key, what was seen, what to do.

    `available` says which versions of a product there are to install; a product that it lacks is not checked.
    """
    try:
        text = Path(path).read_bytes().decode()
    except OSError as error:
        raise InvalidConfig(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InvalidConfig(f"{path}: is not UTF-8 at byte {error.start}: save it as UTF-8") from error
    return parse(text, source=str(path), available=available)


def parse(
    text: str, *, source: str = "cluster file", available: Mapping[str, Collection[str]] | None = None
) -> ClusterConfig:
    """The same for text; `source` is what problems name as the file."""
    document = read_plain_yaml(text)
    problems = [f"{source}:{line}: {words}" for line, words in document.problems]
    if not isinstance(document.content, dict):
        problems = problems or [f"{source}: is not a cluster: begin with `name:`, see clusters/example.yaml"]
        raise InvalidConfig("\n".join(problems))
    config, refused = _validate(document.content)
    found = [Problem(_shown(loc), words) for loc, words in refused.items()]
    if config is not None:
        judged = (*broken_rules(config), *_missing_versions(config, available or {}))
        found += [problem for problem in judged if not _rests_on(problem, refused)]
    problems += [
        f"{source}: {problem.path}: {problem.text}" if problem.path else f"{source}: {problem.text}"
        for problem in found
    ]
    if problems or config is None:
        raise InvalidConfig("\n".join(problems))
    return config


def _validate(content: dict[str, PlainYaml]) -> tuple[ClusterConfig | None, dict[Loc, str]]:
    """The model of what is acceptable, and what is not, by place. No model where nothing acceptable is left."""
    refused: dict[Loc, str] = {}
    while True:
        try:
            config = ClusterConfig.model_validate_json(json.dumps(content), strict=True, context={RULES_LATER: True})
        except ValidationError as error:
            details = _independent(error.errors(include_url=False))
        else:
            return config, refused
        for detail in details:
            refused.setdefault(detail["loc"], _words(detail))
        left_out = [_leave_out(content, detail) for detail in details]
        if not any(left_out):
            return None, refused


def _independent(details: list[ErrorDetails]) -> list[ErrorDetails]:
    """Without "too short" of a list whose entries are refused: pydantic counts only those that are not."""
    outer = {detail["loc"][:depth] for detail in details for depth in range(len(detail["loc"]))}
    return [detail for detail in details if detail["type"] != "too_short" or detail["loc"] not in outer]


def _leave_out(content: dict[str, PlainYaml], detail: ErrorDetails) -> bool:
    """Take the refused value away so that a default stands in. False where it is gone already."""
    steps = _steps(detail["loc"])
    if detail["type"] != "extra_forbidden":
        steps = steps[: KEY_DEPTHS.get(steps[0], 1)] if steps else ()
        if detail["type"] == "missing" and steps[-1] != "name":
            steps = steps[:1]  # no default for this one: its whole section gets the default
    parent = _at(content, steps[:-1])
    if not steps or not isinstance(parent, dict):
        return False
    key = str(steps[-1])
    if key == "name" and detail["type"] != "extra_forbidden":
        before, parent[key] = parent.get(key), f"unnamed-{steps[1] if len(steps) > 1 else 'cluster'}"
        return before != parent[key]
    return parent.pop(key, steps) is not steps


def _at(content: PlainYaml, steps: Loc) -> PlainYaml:
    for step in steps:
        if isinstance(content, dict) and isinstance(step, str):
            content = content.get(step)
        elif isinstance(content, list) and isinstance(step, int) and step < len(content):
            content = content[step]
        else:
            return None
    return content


def _steps(loc: Loc) -> Loc:
    """Where in the file: pydantic also names the kind of network that it took, which is no key."""
    return ("network", *loc[2:]) if loc[:1] == ("network",) and len(loc) > 1 else loc


def _shown(loc: Loc) -> str:
    return ".".join(str(step) if str(step).isprintable() else json.dumps(step) for step in _steps(loc))


def _rests_on(problem: Problem, refused: Collection[Loc]) -> bool:
    """Whether the rule looked at a key that is refused anyway."""
    looked_at = (problem.path, *problem.because_of)
    return any(
        f"{at}.".startswith(f"{_shown(loc)}.") or f"{_shown(loc)}.".startswith(f"{at}.")
        for at in looked_at
        for loc in refused
    )


def _missing_versions(config: ClusterConfig, available: Mapping[str, Collection[str]]) -> Iterator[Problem]:
    for product, versions in available.items():
        wanted = getattr(config.versions, product)
        if wanted not in versions:
            there = ", ".join(sorted(versions)) or "none"
            yield Problem(f"versions.{product}", f"{wanted} is not there to install: use one of {there}")


def _words(detail: ErrorDetails) -> str:
    """What is wrong and what to do, in the words of the file and not of the validator."""
    context: dict[str, Any] = detail.get("ctx", {})
    seen = _brief(detail["input"])
    match detail["type"]:
        case "extra_forbidden":
            return _unknown_key(detail["loc"])
        case "missing":
            return "is missing: add it"
        case "string_pattern_mismatch":
            return f"{seen} is not {PATTERN_WORDS[context['pattern']]}"
        case "literal_error":
            return (
                f"{seen}: use {context['expected']}{_suggestion(str(detail['input']), _literals(context['expected']))}"
            )
        case "union_tag_not_found" | "union_tag_invalid":
            return "say `kind: new` or `kind: existing`"
        case _ if detail["loc"][-1:] == ("cidr",):
            return f"{seen} is not an IPv4 range such as 10.77.0.0/16 (the bits after the prefix are zero)"
        case "value_error":
            return str(context["error"])
        case "greater_than_equal":
            return f"{seen} is too small: at least {context['ge']}"
        case "less_than_equal":
            return f"{seen} is too large: at most {context['le']}"
        case "too_short":
            return f"has {context['actual_length']} entries: at least {context['min_length']}"
        case "too_long":
            return f"has {context['actual_length'] or 'too many'} entries: at most {context['max_length']}"
        case "int_type" | "int_from_float" | "int_parsing_size":
            return f"{seen} is not a whole number (without quotes)"
        case "string_type":
            return f"{seen} is not text: put it in quotes if it is meant to be"
        case "tuple_type":
            return f"{seen} is not a list: write [a, b]"
        case "model_type" | "model_attributes_type" | "dict_type":
            return f"{seen} is not a set of keys: write `key: value` below it"
        case _:
            return f"{seen}: {detail['msg']}"


def _brief(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _unknown_key(loc: Loc) -> str:
    model = MODELS.get(tuple(0 if isinstance(step, int) else step for step in loc[:-1]))
    known = list(model.model_fields) if model else []
    return f"there is no such key{_suggestion(str(loc[-1]), known) or ': known are ' + ', '.join(known)}"


def _suggestion(word: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f": did you mean {close[0]}?" if close else ""


def _literals(expected: str) -> list[str]:
    """The words of pydantic's "'a', 'b' or 'c'"."""
    return [word.strip("'") for word in expected.replace(" or ", ", ").split(", ")]
