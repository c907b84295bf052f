"""The condition keys of one request: those that it has, those that it is known not to have, and no others."""

from collections.abc import Callable, Iterable, Mapping

from lab.aws.iam.errors import UnknownConditionKeyError

Values = str | Iterable[str] | None

Members = Mapping[str, str] | Callable[[], Mapping[str, str]]
"""What a family has, or how to find out: most requests meet no statement that asks."""


class Context:
    """Keys compare without case, as AWS compares them. A value of None says: this request does not have the key.

    A family (`aws:ResourceTag/`) is a key whose end a policy chooses: those that are not given are known to be absent.
    """

    __slots__ = ("_families", "_under", "_values")

    def __init__(
        self,
        values: Mapping[str, Values] | None = None,
        families: Mapping[str, Members] | None = None,
        *,
        under: "Context | None" = None,
    ) -> None:
        self._values = {key.lower(): _tuple(value) for key, value in (values or {}).items()}
        self._families = families or {}
        self._under = under

    def get(self, key: str) -> tuple[str, ...] | None:
        """The key's values, or None where the request does not have it."""
        wanted = key.lower()
        layer: Context | None = self
        while layer is not None:
            if wanted in layer._values:
                return layer._values[wanted]
            for prefix, members in layer._families.items():
                if wanted.startswith(prefix.lower()):
                    known = members() if callable(members) else members
                    values = {name.lower(): value for name, value in known.items()}
                    member = values.get(wanted[len(prefix) :])
                    return None if member is None else (member,)
            layer = layer._under
        raise UnknownConditionKeyError(f"nobody says whether this request has the condition key {key}")


def _tuple(value: Values) -> tuple[str, ...] | None:
    if value is None:
        return None
    return (value,) if isinstance(value, str) else tuple(value) or None
