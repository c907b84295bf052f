"""Copies of JSON values share nothing that can be changed."""

from datetime import UTC, datetime

import pytest

from lab.aws.json_copies import copied


class Held:
    def __init__(self) -> None:
        self.values = [1]


@pytest.mark.parametrize("value", [None, True, 1, 1.5, "x", [], {}, [{"a": [1, {"b": None}]}], datetime.now(UTC)])
def test_a_copy_is_equal(value: object) -> None:
    assert copied(value) == value


def test_what_is_changed_in_a_copy_is_changed_nowhere_else() -> None:
    value = {"list": [{"a": 1}], "other": Held()}
    copy = copied(value)
    copy["list"][0]["a"] = 2
    copy["list"].append(3)
    copy["other"].values.append(2)
    assert value["list"] == [{"a": 1}]
    assert value["other"].values == [1]  # type: ignore[attr-defined]
