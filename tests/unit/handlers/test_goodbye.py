"""The handlers of node_terminate, on a table of their own: what they drop, and what they do under the lease alone."""

import time
from typing import Any

import pytest

from lambdas.aws import lease, members, table
from lambdas.aws.members import Member
from lambdas.domain.errors import EventNotOurs, LeaseLost
from lambdas.domain.goodbye import HOLD_SECONDS, MAXIMUM_TURNS, Goodbye
from lambdas.handlers import (
    complete_terminate,
    decide_step,
    end_turn,
    hold_instance,
    plan_leave,
    plan_terminate,
    take_turn,
)
from lambdas.settings import Settings
from tests.builders import a_lifecycle_event, a_node
from tests.unit.handlers.conftest import Context

MINE, OTHER = "arn:mine", "arn:other"
SUBJECT = a_node().instance_id


def a_goodbye(**changes: Any) -> dict[str, Any]:
    told = {"subject": SUBJECT, "kind": "server", "group": "servers", "started_at": time.time()}
    return Goodbye.model_validate(told | changes).to_state()


def taken(settings: Settings, owner: str = MINE) -> dict[str, Any]:
    held = lease.take(settings.table_name, owner, time.time())
    assert held
    return {"number": 3, "fencing": held.fencing}


def ask(handler: Any, **event: Any) -> Any:
    return handler(event | {"execution": MINE}, Context())


def journal(settings: Settings) -> list[dict[str, Any]]:
    return table.query(settings.table_name, "journal")


@pytest.mark.parametrize(
    "event",
    [
        a_lifecycle_event("terminate", AutoScalingGroupName="quorate-other-servers"),
        a_lifecycle_event("terminate", LifecycleHookName="somebody-elses"),
        a_lifecycle_event("terminate", Event="autoscaling:TEST_NOTIFICATION"),
        a_lifecycle_event("terminate", EC2InstanceId="not-an-instance"),
        a_lifecycle_event("terminate"),
        {"detail-type": "no detail"},
    ],
    ids=["another group", "another hook", "a test notification", "no instance", "an instance that is gone", "nothing"],
)
def test_what_is_not_ours_is_dropped_with_one_line(
    settings: Settings, event: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(EventNotOurs):
        ask(plan_terminate.handler, event=event)
    assert len(capsys.readouterr().out.splitlines()) <= 1


def test_a_change_keeps_the_lease_for_the_turn_that_follows(settings: Settings) -> None:
    turn = taken(settings)
    decision = {"kind": "act", "row": "leave", "reason": "3 voters remain"}
    changed = [{"result": {"changed": True, "reason": "left"}}]
    ended = ask(end_turn.handler, goodbye=a_goodbye(), turn=turn, decision=decision, changed=changed)
    assert ended["next"] == "turn"
    assert lease.read(settings.table_name).owner == MINE
    [entry] = journal(settings)
    assert (entry["decision"], entry["outcome"], entry["node"]) == ("act", "left", SUBJECT)


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        ("act", [{"result": {"changed": False, "reason": "too few voters"}}]),
        ("act", {"Error": "NodeFailed", "Cause": "i-1: no"}),
        ("wait", []),
        ("keep", []),
        ("human", []),
    ],
)
def test_a_turn_without_a_change_gives_the_lease_back(settings: Settings, kind: str, changed: Any) -> None:
    decision = {"kind": kind, "row": "row", "reason": "why"}
    ended = ask(end_turn.handler, goodbye=a_goodbye(), turn=taken(settings), decision=decision, changed=changed)
    assert ended["next"] == "stop", "nobody waits for an answer"
    assert lease.read(settings.table_name).owner is None


def test_somebody_who_waits_for_an_answer_is_waited_for(settings: Settings) -> None:
    goodbye = a_goodbye(lifecycle=a_lifecycle_event("terminate")["detail"])
    decision = {"kind": "wait", "row": "row", "reason": "why"}
    ended = ask(end_turn.handler, goodbye=goodbye, turn=taken(settings), decision=decision, changed=[])
    assert (ended["next"], ended["said"], ended["pause_seconds"]) == ("wait", "why", 5)
    turn = taken(settings) | {"waits": ended["waits"]}
    again = ask(end_turn.handler, goodbye=goodbye, turn=turn, decision=decision, changed=[])
    assert again["pause_seconds"] == 10, "it grows with each turn that changed nothing"


def test_a_change_makes_the_next_pause_short_again(settings: Settings) -> None:
    """A leader's goodbye takes nine turns: what flaps for a second after them is not waited for as if it were stuck."""
    goodbye = a_goodbye(lifecycle=a_lifecycle_event("terminate")["detail"])
    changed = [{"result": {"changed": True, "reason": "left"}}]
    act, wait = ({"kind": kind, "row": "row", "reason": "why"} for kind in ("act", "wait"))
    ended = ask(end_turn.handler, goodbye=goodbye, turn=taken(settings) | {"waits": 7}, decision=act, changed=changed)
    turn = taken(settings) | {"waits": ended["waits"]}
    assert ask(end_turn.handler, goodbye=goodbye, turn=turn, decision=wait, changed=[])["pause_seconds"] == 5


def test_nothing_is_decided_or_let_go_without_the_lease(settings: Settings) -> None:
    turn = taken(settings, OTHER)
    members.write(settings.table_name, Member(SUBJECT, "servers", ("consul",), "10.0.0.1"))
    with pytest.raises(LeaseLost):
        ask(decide_step.handler, goodbye=a_goodbye(), turn=turn, observed=[])
    with pytest.raises(LeaseLost):
        ask(complete_terminate.handler, goodbye=a_goodbye(), turn=turn, decision={"reason": "out"})
    assert members.find(settings.table_name, SUBJECT), "nothing was forgotten"
    assert lease.read(settings.table_name).owner == OTHER


def test_letting_go_forgets_the_member_and_gives_the_lease_back(settings: Settings) -> None:
    members.write(settings.table_name, Member(SUBJECT, "servers", ("consul",), "10.0.0.1"))
    turn = taken(settings)
    ask(complete_terminate.handler, goodbye=a_goodbye(), turn=turn, decision={"reason": "out"})
    assert members.find(settings.table_name, SUBJECT) is None
    assert lease.read(settings.table_name).owner is None


def test_another_has_its_turn(settings: Settings) -> None:
    taken(settings, OTHER)
    turn = ask(take_turn.handler, goodbye=a_goodbye(), turn={"number": 0, "fencing": 0})
    assert turn["next"] == "stop", "the sweep comes again"
    assert (turn["number"], turn["awaited"]) == (0, 1), "it was no turn"


@pytest.mark.parametrize(
    ("number", "since"), [(MAXIMUM_TURNS, 0), (1, HOLD_SECONDS)], ids=["too many turns", "too long"]
)
def test_a_goodbye_does_not_go_on_for_ever(settings: Settings, number: int, since: int) -> None:
    goodbye = a_goodbye(started_at=time.time() - since)
    turn = ask(take_turn.handler, goodbye=goodbye, turn={"number": number, "fencing": 7})
    assert (turn["next"], turn["fencing"]) == ("stop", 7)
    assert lease.read(settings.table_name).owner is None


def test_what_has_begun_to_leave_is_not_held_halfway(settings: Settings) -> None:
    goodbye = a_goodbye(started_at=time.time() - HOLD_SECONDS)
    changed = [{"result": {"changed": True, "reason": "left"}}]
    decision = {"kind": "act", "row": "leave", "reason": "3 voters remain"}
    ended = ask(end_turn.handler, goodbye=goodbye, turn=taken(settings), decision=decision, changed=changed)
    table.update(settings.table_name, "lease", "membership", {"owner": OTHER})
    assert "pause_seconds" in ask(take_turn.handler, goodbye=goodbye, turn=ended), "it asked for the lease"


def test_holding_writes_the_last_reason_and_gives_the_lease_back(settings: Settings) -> None:
    decision = {"kind": "wait", "row": "too_few_voters", "reason": "2 voters would remain"}
    ask(hold_instance.handler, goodbye=a_goodbye(), turn=taken(settings), decision=decision)
    [entry] = journal(settings)
    assert (entry["decision"], entry["reason"]) == ("hold", "2 voters would remain")
    assert lease.read(settings.table_name).owner is None


@pytest.mark.parametrize(
    "changes",
    [{"kind": "stranger"}, {"subject": "peer:consul:4c3a0b0e-0000-4000-8000-000000000001", "group": ""}],
    ids=["before there is a cluster", "a peer that nobody can name"],
)
def test_nothing_is_left_by_whom_nobody_knows(settings: Settings, changes: dict[str, Any]) -> None:
    assert ask(plan_leave.handler, goodbye=a_goodbye(**changes)) == {"leave": [], "purge": []}


def test_a_server_of_all_products_is_a_client_of_none(settings: Settings) -> None:
    assert ask(plan_leave.handler, goodbye=a_goodbye()) == {"leave": [], "purge": []}
