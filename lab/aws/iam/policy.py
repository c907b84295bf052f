"""Policy documents as statements that are ready to be asked."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from lab.aws.iam import conditions, patterns
from lab.aws.iam.conditions import Condition
from lab.aws.iam.errors import PolicyError
from lab.aws.iam.patterns import Pattern

VERSION_WITH_VARIABLES = "2012-10-17"
ELEMENTS = {
    "Sid",
    "Effect",
    "Principal",
    "Action",
    "NotAction",
    "Resource",
    "NotResource",
    "Condition",
}
DOCUMENT_ELEMENTS = {"Version", "Id", "Statement"}


@dataclass(frozen=True, eq=False)
class Statement:
    """`number` is its place in the policy, from 0. `principals` by kind (AWS, Service); None in a role's own policy."""

    policy: str
    number: int
    allows: bool
    actions: tuple[Pattern, ...]
    not_actions: tuple[Pattern, ...]
    resources: tuple[Pattern, ...]
    not_resources: tuple[Pattern, ...]
    conditions: tuple[Condition, ...]
    principals: Mapping[str, tuple[str, ...]] | None = None

    def action_pattern(self, action: str) -> str | None:
        """The text by which the statement means the action; None where it does not."""
        if self.not_actions:
            met = any(pattern.matches(action) for pattern in self.not_actions)
            return None if met else f"not {', '.join(pattern.text for pattern in self.not_actions)}"
        return next((pattern.text for pattern in self.actions if pattern.matches(action)), None)


@dataclass(frozen=True, eq=False)
class Policies:
    """Statements that are asked together, found by action."""

    statements: tuple[Statement, ...]
    _by_action: dict[str, tuple[tuple[Statement, str], ...]] = field(default_factory=dict)

    def about(self, action: str) -> tuple[tuple[Statement, str], ...]:
        """Statements that mean the action, each with the text by which it does."""
        known = self._by_action.get(action)
        if known is None:
            found = ((statement, statement.action_pattern(action)) for statement in self.statements)
            known = tuple((statement, text) for statement, text in found if text is not None)
            self._by_action[action] = known
        return known


@lru_cache(maxsize=1024)
def parse(document: str, name: str = "policy") -> tuple[Statement, ...]:
    """Raises PolicyError."""
    content = json.loads(document)
    _refuse_unknown(content, DOCUMENT_ELEMENTS, name)
    variables = content.get("Version") == VERSION_WITH_VARIABLES
    statements = content.get("Statement", [])
    listed = statements if isinstance(statements, list) else [statements]
    return tuple(_statement(name, number, one, variables) for number, one in enumerate(listed))


def text_of(document: Any) -> str:
    """moto keeps what a template writes into a role itself as a mapping."""
    return document if isinstance(document, str) else json.dumps(document)


@lru_cache(maxsize=1024)
def join(documents: tuple[tuple[str, str], ...]) -> Policies:
    """Policies by name and text, asked together."""
    return Policies(tuple(statement for name, document in documents for statement in parse(document, name)))


def _statement(policy: str, number: int, content: Mapping[str, Any], variables: bool) -> Statement:
    place = f"{policy}, statement {number}"
    _refuse_unknown(content, ELEMENTS, place)
    if content.get("Effect") not in ("Allow", "Deny"):
        raise PolicyError(f"{place}: Effect is {content.get('Effect')!r}")
    if ("Action" in content) == ("NotAction" in content):
        raise PolicyError(f"{place}: one of Action and NotAction")
    if "Resource" in content and "NotResource" in content:
        raise PolicyError(f"{place}: one of Resource and NotResource")
    try:
        return Statement(
            policy=policy,
            number=number,
            allows=content["Effect"] == "Allow",
            actions=tuple(patterns.action(text) for text in _texts(content, "Action")),
            not_actions=tuple(patterns.action(text) for text in _texts(content, "NotAction")),
            resources=tuple(patterns.resource(text, variables=variables) for text in _texts(content, "Resource")),
            not_resources=tuple(
                patterns.resource(text, variables=variables) for text in _texts(content, "NotResource")
            ),
            conditions=conditions.parse(content.get("Condition") or {}, variables=variables),
            principals=_principals(content["Principal"]) if "Principal" in content else None,
        )
    except PolicyError as error:
        raise PolicyError(f"{place}: {error}") from error


def _texts(content: Mapping[str, Any], element: str) -> Iterator[str]:
    value = content.get(element, ())
    if element in content and not value:
        raise PolicyError(f"{element} is empty")
    for text in [value] if isinstance(value, str) else value:
        if not isinstance(text, str):
            raise PolicyError(f"{element} has {text!r}, which is not text")
        yield text


def _principals(element: Any) -> dict[str, tuple[str, ...]]:
    if element == "*":
        return {"AWS": ("*",)}
    if not isinstance(element, dict) or not element:
        raise PolicyError(f"Principal is {element!r}")
    return {kind: (names,) if isinstance(names, str) else tuple(names) for kind, names in element.items()}


def _refuse_unknown(content: Mapping[str, Any], known: set[str], place: str) -> None:
    unknown = sorted(set(content) - known)
    if unknown:
        raise PolicyError(f"{place}: {', '.join(unknown)} is not built here")
