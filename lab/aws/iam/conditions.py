"""The Condition element (IAM user guide, "IAM JSON policy elements: Condition operators" and "Set operators")."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from lab.aws.iam import patterns
from lab.aws.iam.context import Context
from lab.aws.iam.errors import PolicyError

FOR_ALL, FOR_ANY = "ForAllValues:", "ForAnyValue:"
IF_EXISTS = "IfExists"

Test = Callable[[str, Context], bool]
"""Whether one value of the request equals one value of the policy."""


def _string(make: Callable[..., patterns.Pattern], **options: bool) -> Callable[[str, bool], Test]:
    return lambda text, variables: make(text, variables=variables, **options).matches


def _arn(text: str, variables: bool) -> Test:
    return patterns.ArnPattern(text, variables=variables).matches


def _boolean(text: str, variables: bool) -> Test:
    if text.lower() not in ("true", "false"):
        raise PolicyError(f"{text!r} is neither true nor false")
    return lambda value, context: value.lower() == text.lower()


def _numeric(compare: Callable[[Decimal, Decimal], bool]) -> Callable[[str, bool], Test]:
    def test(text: str, variables: bool) -> Test:
        number = _number(text)
        return lambda value, context: compare(_number(value), number)

    return test


def _number(text: str) -> Decimal:
    try:
        return Decimal(text)
    except InvalidOperation:
        raise PolicyError(f"{text!r} is not a number") from None


_EQUAL: Mapping[str, Callable[[str, bool], Test]] = {
    "StringEquals": _string(patterns.exact),
    "StringEqualsIgnoreCase": _string(patterns.exact, ignore_case=True),
    "StringLike": _string(patterns.glob),
    "ArnEquals": _arn,
    "ArnLike": _arn,
    "Bool": _boolean,
    "NumericEquals": _numeric(lambda value, wanted: value == wanted),
    "NumericLessThan": _numeric(lambda value, wanted: value < wanted),
    "NumericLessThanEquals": _numeric(lambda value, wanted: value <= wanted),
    "NumericGreaterThan": _numeric(lambda value, wanted: value > wanted),
    "NumericGreaterThanEquals": _numeric(lambda value, wanted: value >= wanted),
}
_NEGATED: Mapping[str, str] = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
    "NumericNotEquals": "NumericEquals",
}


@dataclass(frozen=True)
class Condition:
    """One key under one operator: values are alternatives, conditions of a statement must all hold."""

    key: str
    tests: tuple[Test, ...]
    negated: bool = False
    sets: str = ""
    if_exists: bool = False
    null: bool | None = None
    """What the operator Null asks for: True for an absent key."""

    def holds(self, context: Context) -> bool:
        values = context.get(self.key)
        if self.null is not None:
            return (values is None) == self.null
        if values is None:
            # Absence satisfies what is negated, and "for all"; nothing satisfies "for any".
            return self.if_exists or self.sets == FOR_ALL or (self.negated and self.sets != FOR_ANY)
        if self.sets == FOR_ALL:
            return all(self._accepts(value, context) for value in values)
        if self.sets == FOR_ANY:
            return any(self._accepts(value, context) for value in values)
        if len(values) > 1:
            raise PolicyError(f"{self.key} has {len(values)} values here: compare it with ForAnyValue or ForAllValues")
        return self._accepts(values[0], context)

    def _accepts(self, value: str, context: Context) -> bool:
        return any(test(value, context) for test in self.tests) != self.negated


def parse(element: Mapping[str, Any], *, variables: bool) -> tuple[Condition, ...]:
    """Raises PolicyError for an operator that is not known here."""
    return tuple(
        _condition(operator, key, values, variables)
        for operator, keys in element.items()
        for key, values in keys.items()
    )


def _condition(operator: str, key: str, values: Any, variables: bool) -> Condition:
    texts = [_text(value) for value in (values if isinstance(values, list) else [values])]
    sets = next((prefix for prefix in (FOR_ALL, FOR_ANY) if operator.startswith(prefix)), "")
    name = operator.removeprefix(sets)
    if name == "Null" and not sets:
        return Condition(key, (), null=_absent(texts))
    if_exists = name.endswith(IF_EXISTS)
    name = name.removesuffix(IF_EXISTS)
    make = _EQUAL.get(_NEGATED.get(name, name))
    if make is None:
        raise PolicyError(f"condition operator {operator} is not built here")
    tests = tuple(make(text, variables) for text in texts)
    return Condition(key, tests, negated=name in _NEGATED, sets=sets, if_exists=if_exists)


def _absent(texts: Sequence[str]) -> bool:
    if len(texts) != 1 or texts[0].lower() not in ("true", "false"):
        raise PolicyError(f"Null takes true or false, not {', '.join(texts)}")
    return texts[0].lower() == "true"


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
