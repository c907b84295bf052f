"""Entries of the journal: in order of time, never without a reason."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lambdas.domain.membership.journal import Entry, sort_key, written_at

TIMES = st.datetimes(
    datetime(2020, 1, 1), datetime(2100, 1, 1), timezones=st.sampled_from((UTC, timezone(timedelta(hours=5))))
)


def test_a_key_is_a_time_and_something_that_is_its_own() -> None:
    at = datetime(2026, 11, 24, 2, 40, tzinfo=UTC)
    assert sort_key(at, "0a1b2c3d") == "2026-11-24T02:40:00.000000Z#0a1b2c3d"


@given(TIMES, TIMES)
def test_keys_sort_as_time_does(one: datetime, other: datetime) -> None:
    keys = sort_key(one, "00000000"), sort_key(other, "00000000")
    assert (keys[0] < keys[1]) == (one < other)
    assert written_at(keys[0]) == one


def test_a_time_of_no_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        sort_key(datetime(2026, 11, 24), "00000000")


@pytest.mark.parametrize("reason", ["", "  "])
def test_no_entry_is_without_a_reason(reason: str) -> None:
    with pytest.raises(ValueError, match="without a reason"):
        Entry("demo", "i-a", "arn", "goodbye", "wait", reason)
