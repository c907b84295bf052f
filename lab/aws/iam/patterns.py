"""Text of a policy that is compared with text of a request: wildcards and policy variables.

IAM user guide, "IAM JSON policy elements: Resource" and "... Variables and tags".
"""

import re
from collections.abc import Callable
from functools import lru_cache

from lab.aws.iam.context import Context
from lab.aws.iam.errors import PolicyError

_TOKEN = re.compile(r"\$\{(?P<variable>[^}]*)\}|(?P<wildcard>[*?])|(?P<text>[^*?$]+|\$)")
_VARIABLE = re.compile(r"^(?P<key>[^,]+?)(?:\s*,\s*'(?P<default>[^']*)')?$")
_THEMSELVES = {"*", "?", "$"}

Wildcard = Callable[[str, str], str]
"""What a wildcard becomes in a regular expression; it is told what follows."""


class UnresolvedVariable(Exception):
    """The request lacks the key of a variable that has no default."""


def _anything(wildcard: str, rest: str) -> str:
    return ".*" if wildcard == "*" else "."


def _within_segments(wildcard: str, rest: str) -> str:
    """In a resource, `*` crosses a colon only where it ends its segment."""
    if wildcard == "?":
        return "[^:]"
    return ".*" if rest == "" or rest.startswith(":") else "[^:]*"


def _literally(wildcard: str, rest: str) -> str:
    return re.escape(wildcard)


class Pattern:
    """One value of a policy. `variables` are read only where the policy's version is 2012-10-17."""

    __slots__ = ("_expression", "_flags", "_plain", "_variables", "_wildcard", "text")

    def __init__(
        self, text: str, wildcard: Wildcard = _anything, *, variables: bool = False, ignore_case: bool = False
    ) -> None:
        self.text = text
        self._wildcard = wildcard
        self._flags = re.DOTALL | (re.IGNORECASE if ignore_case else 0)
        self._variables = variables
        # Most are plain names, and most policies are new in each account: to compile an expression takes 100 us.
        self._plain = not ignore_case and not any(sign in text for sign in "*?$")
        has_variables = variables and "${" in text
        self._expression = None if has_variables or self._plain else re.compile(self._regular(None), self._flags)

    def matches(self, value: str, context: Context | None = None) -> bool:
        """Raises UnresolvedVariable."""
        if self._plain:
            return value == self.text
        return _met(self._expression or _compiled(self._regular(context), self._flags), value)

    def _regular(self, context: Context | None) -> str:
        parts = []
        position = 0
        while position < len(self.text):
            found = _TOKEN.match(self.text, position)
            if found is None:
                raise PolicyError(f"not a value of a policy: {self.text!r}")
            position = found.end()
            if found["variable"] is not None:
                written = found[0] if not self._variables else self._value(found["variable"], context)
                parts.append(re.escape(written))
            elif found["wildcard"]:
                parts.append(self._wildcard(found["wildcard"], self.text[position:]))
            else:
                parts.append(re.escape(found["text"]))
        return "".join(parts)

    def _value(self, variable: str, context: Context | None) -> str:
        if variable in _THEMSELVES:
            return variable
        found = _VARIABLE.match(variable)
        if found is None or context is None:
            raise PolicyError(f"${{{variable}}} is not a policy variable")
        values = context.get(found["key"])
        if values is None:
            if found["default"] is None:
                raise UnresolvedVariable(variable)
            return str(found["default"])
        if len(values) != 1:
            raise PolicyError(f"${{{variable}}} has {len(values)} values; a policy variable has one")
        return values[0]


_compiled = lru_cache(maxsize=4096)(re.compile)


@lru_cache(maxsize=16_384)
def _met(expression: re.Pattern[str], value: str) -> bool:
    """Callers ask for the same few things again and again; a pattern with several stars takes 100 us each time."""
    return expression.fullmatch(value) is not None


def exact(text: str, *, variables: bool = False, ignore_case: bool = False) -> Pattern:
    """Wildcards stand for themselves: StringEquals."""
    return Pattern(text, _literally, variables=variables, ignore_case=ignore_case)


def glob(text: str, *, variables: bool = False) -> Pattern:
    """StringLike."""
    return Pattern(text, variables=variables)


def action(text: str) -> Pattern:
    return Pattern(text, ignore_case=True)


def resource(text: str, *, variables: bool = False) -> Pattern:
    return Pattern(text, _within_segments, variables=variables)


ARN_PARTS = 6


class ArnPattern:
    """ArnLike and ArnEquals, which mean the same: each of the six parts is compared on its own."""

    __slots__ = ("_parts", "text")

    def __init__(self, text: str, *, variables: bool = False) -> None:
        self.text = text
        # A variable may hold colons; its own text has one, too.
        hidden = re.sub(r"\$\{[^}]*\}", lambda found: found[0].replace(":", "\0"), text)
        parts = [part.replace("\0", ":") for part in hidden.split(":", ARN_PARTS - 1)]
        if text == "*":
            parts = ["*"] * ARN_PARTS
        if len(parts) != ARN_PARTS:
            raise PolicyError(f"{text!r} is not an ARN, which Arn conditions compare with")
        self._parts = tuple(glob(part, variables=variables) for part in parts)

    def matches(self, value: str, context: Context | None = None) -> bool:
        given = value.split(":", ARN_PARTS - 1)
        return len(given) == ARN_PARTS and all(
            pattern.matches(part, context) for pattern, part in zip(self._parts, given, strict=True)
        )
