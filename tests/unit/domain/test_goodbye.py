"""The pace of a goodbye, and what is read out of a change's answer."""

from typing import Any

import pytest

from lambdas.domain.drain import Verdict, assess
from lambdas.domain.goodbye import (
    HOLD_SECONDS,
    LONGEST_PAUSE_SECONDS,
    MAXIMUM_TURNS,
    Goodbye,
    drain_pause_seconds,
    is_overdue,
    pause_seconds,
    read_change,
)
from tests.builders import a_node

NOW = 1_764_000_000.0


def a_goodbye(**changes: Any) -> Goodbye:
    node = a_node(4, group="default")
    told = {"subject": node.instance_id, "kind": "client", "group": "default", "started_at": NOW, "node": node}
    return Goodbye.model_validate(told | changes)


def test_it_is_the_same_after_its_way_through_the_state_machine() -> None:
    assert Goodbye.model_validate(a_goodbye().to_state()) == a_goodbye()


def test_it_is_held_after_its_time_and_after_its_turns() -> None:
    assert not is_overdue(MAXIMUM_TURNS, NOW, NOW + HOLD_SECONDS - 1)
    assert is_overdue(1, NOW, NOW + HOLD_SECONDS)
    assert is_overdue(MAXIMUM_TURNS + 1, NOW, NOW)


def test_pauses_grow_and_the_turns_suffice_for_the_time() -> None:
    pauses = [pause_seconds(turn) for turn in range(1, MAXIMUM_TURNS + 1)]
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (5, LONGEST_PAUSE_SECONDS)
    assert sum(pauses) > HOLD_SECONDS, "turns without any work of their own would end before the time does"


@pytest.mark.parametrize("minutes", [1, 15, 1440])
def test_a_drain_of_any_length_asks_no_more_than_some_hundred_times(minutes: int) -> None:
    waited, rounds = 0, 0
    while waited < minutes * 60:
        rounds += 1
        waited += drain_pause_seconds(rounds, minutes * 60)
    assert rounds < 400


@pytest.mark.parametrize(
    ("answered", "changed", "words"),
    [
        ([{"result": {"changed": True, "reason": "it left"}}], True, "it left"),
        ([{"result": {"changed": False, "reason": "the lease is another's"}}], False, "the lease is another's"),
        ([{"result": {"changed": "yes"}}], False, "did not say"),
        ([], False, "did not say"),
        ({"Error": "NodeFailed", "Cause": "i-1: no"}, False, "NodeFailed: i-1: no"),
        ({"Error": "States.Timeout", "Cause": ""}, False, "Timeout: no answer in time"),
    ],
)
def test_a_change_is_one_only_where_the_node_says_so(answered: Any, changed: bool, words: str) -> None:
    assert read_change(answered)[0] is changed
    assert words in read_change(answered)[1]


def drained(result: Any) -> dict[str, Any]:
    return {"round": 3, "failures": 0, "asked": [{"answers": [{"result": result}]}]}


FIRST: dict[str, Any] = {"round": 0, "failures": 0, "asked": []}
SILENT: dict[str, Any] = {"round": 3, "failures": 0, "asked": [{"failure": {"Error": "NodeFailed", "Cause": "gone"}}]}


def drain(before: dict[str, Any], *, minutes: int = 15, after: float = 60, **changes: Any) -> Verdict:
    return assess(a_goodbye(**changes), minutes * 60, before, NOW + after)


def test_a_drain_begins_with_all_of_its_time() -> None:
    verdict = drain(FIRST, after=0)
    assert (verdict.drains, verdict.round, verdict.seconds_left) == (True, 1, 900)


def test_it_goes_on_while_something_is_left() -> None:
    verdict = drain(drained({"draining": True, "allocations": 2}))
    assert verdict.drains
    assert verdict.reason == "2 allocations are left, 840 s to go"


@pytest.mark.parametrize(
    ("before", "changes", "words"),
    [
        (drained({"draining": False, "allocations": 0}), {}, "nothing is left"),
        (drained({"draining": True, "allocations": 2}), {"after": 900}, "its time to drain is over: 2 allocations"),
        (FIRST, {"minutes": 0}, "drains for 0 minutes"),
        (FIRST, {"node": None}, "the host is gone"),
        (SILENT | {"failures": 2}, {}, "3 rounds without an answer, it leaves undrained: no answer: gone"),
    ],
)
def test_it_ends(before: dict[str, Any], changes: dict[str, Any], words: str) -> None:
    verdict = drain(before, **changes)
    assert not verdict.drains
    assert words in verdict.reason


def test_a_lost_answer_is_borne_and_an_answer_forgives_it() -> None:
    assert drain(SILENT).failures == 1
    assert drain(drained({"draining": True, "allocations": 1}) | {"failures": 2}).failures == 0
    assert drain(drained({"surprise": 1})).failures == 1, "not what was promised is no answer"
