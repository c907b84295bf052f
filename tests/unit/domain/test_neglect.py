"""Who is looked after, and what an event that was lost would have said."""

from lambdas.domain.events import LifecycleAction
from lambdas.domain.neglect import MOST_AT_ONCE, launch_event, neglected

STATES = {
    "i-1": "Pending:Wait",
    "i-2": "Terminating:Wait",
    "i-3": "Terminating:Retained",
    "i-4": "InService",
    "i-5": "Pending",
    "i-6": "Terminating:Proceed",
}


def test_who_waits_without_an_execution_is_found() -> None:
    found = neglected(STATES, launches=(), goodbyes=())
    assert [(one.subject, one.what) for one in found] == [("i-1", "launch"), ("i-2", "goodbye"), ("i-3", "goodbye")]
    assert neglected(STATES, launches=["i-1"], goodbyes=["i-2", "i-3"]) == []


def test_a_launch_that_runs_is_no_goodbye() -> None:
    found = neglected(STATES, launches=["i-2"], goodbyes=["i-1", "i-3"])
    assert [(one.subject, one.what) for one in found] == [("i-1", "launch"), ("i-2", "goodbye")]


def test_a_storm_is_worked_off_in_portions() -> None:
    states = {f"i-{number:04}": "Pending:Wait" for number in range(1000)}
    assert len(neglected(states, launches=(), goodbyes=())) == MOST_AT_ONCE


def test_the_made_up_event_is_taken_as_if_auto_scaling_had_sent_it() -> None:
    event = launch_event("i-0123456789abcdef0", "quorate-demo-servers")
    action = LifecycleAction.parse(event, cluster="demo", kind="launch")
    assert (action.instance_id, action.token) == ("i-0123456789abcdef0", "")
