"""The records' conditional writes: who may write what, and what a repetition changes."""

import json
from dataclasses import replace

import pytest

from lambdas.aws import breakers, claims, dispatches, formation_record
from lambdas.domain.commands import Command
from tests.builders import a_node, an_arrival

COMMAND = Command(
    instance_id="i-1",
    component="consul",
    phase="install",
    document="quorate-demo-consul-install",
    parameters={"Cluster": "demo"},
    timeout_seconds=60,
    scope="launch-1",
)


def test_no_record_means_nobody_has_arrived(table: str) -> None:
    assert formation_record.read(table).status == "gathering"


def test_the_first_claim_owns_formation(table: str) -> None:
    record = formation_record.claim(table, execution="one", attempt=1)
    assert record
    assert (record.status, record.execution, record.attempt, record.fencing) == ("forming", "one", 1, 1)


def test_a_repeated_claim_by_the_owner_changes_nothing(table: str) -> None:
    first = formation_record.claim(table, execution="one", attempt=1)
    assert formation_record.claim(table, execution="one", attempt=1) == first


def test_only_a_later_attempt_takes_over_and_its_fencing_number_is_higher(table: str) -> None:
    formation_record.claim(table, execution="one", attempt=1)
    assert formation_record.claim(table, execution="other", attempt=1) is None
    second = formation_record.claim(table, execution="two", attempt=2)
    assert second
    assert second.fencing == 2
    assert not formation_record.conclude(table, execution="one", status="formed", reason="late"), "the old owner"
    assert formation_record.read(table).status == "forming"


def test_nobody_claims_a_formed_cluster(table: str) -> None:
    formation_record.claim(table, execution="one", attempt=1)
    assert formation_record.conclude(table, execution="one", status="formed", reason="up")
    assert formation_record.claim(table, execution="two", attempt=2) is None
    assert formation_record.claim(table, execution="one", attempt=1) is None


def test_an_end_is_written_once_and_a_repetition_of_it_holds(table: str) -> None:
    formation_record.claim(table, execution="one", attempt=1)
    assert formation_record.conclude(table, execution="one", status="formed", reason="up")
    assert formation_record.conclude(table, execution="one", status="formed", reason="up"), "the answer was lost"
    assert not formation_record.conclude(table, execution="one", status="failed", reason="aborted"), "a late event"
    assert formation_record.read(table).status == "formed"


def test_members_come_back_as_nodes(table: str) -> None:
    formation_record.claim(table, execution="one", attempt=1)
    members = (a_node(1), a_node(2))
    assert formation_record.keep_members(table, execution="one", members=members)
    assert formation_record.read(table).members == members


def test_an_arrival_keeps_the_time_of_its_first_arrival_and_takes_the_new_token(table: str) -> None:
    first = an_arrival(1, at=100)
    formation_record.arrive(table, first)
    formation_record.arrive(table, first.model_copy(update={"token": "new", "arrived_at": 200.0}))
    (kept,) = formation_record.arrivals(table)
    assert (kept.token, kept.arrived_at) == ("new", 100)
    formation_record.leave(table, first.node.instance_id)
    assert formation_record.arrivals(table) == []


def test_an_action_is_taken_once(table: str) -> None:
    assert claims.take(table, "token", "one")
    assert claims.take(table, "token", "one"), "the same execution asks again"
    assert not claims.take(table, "token", "two")


def test_a_dispatch_is_found_by_the_work_and_by_the_command(table: str) -> None:
    assert dispatches.find(table, COMMAND) is None
    dispatches.record(table, COMMAND, "command-1", "token-1")
    by_work, by_command = dispatches.find(table, COMMAND), dispatches.by_command(table, "command-1")
    assert by_work
    assert by_work == by_command
    assert (by_work.status, by_work.token) == ("sent", "token-1")


def test_a_new_token_takes_over_the_answer(table: str) -> None:
    dispatches.record(table, COMMAND, "command-1", "token-1")
    dispatches.adopt(table, COMMAND, "command-1", "token-2")
    found = dispatches.by_command(table, "command-1")
    assert found
    assert found.token == "token-2"


def test_a_result_is_kept_for_the_work_but_not_by_a_command_that_was_replaced(table: str) -> None:
    dispatches.record(table, COMMAND, "command-1", "token-1")
    dispatches.record(table, COMMAND, "command-2", "token-2")
    dispatches.conclude(table, "command-1", status="failed", result={})
    found = dispatches.find(table, COMMAND)
    assert found
    assert found.status == "sent"
    dispatches.conclude(table, "command-2", status="succeeded", result={"version": "1", "ok": True})
    found = dispatches.find(table, COMMAND)
    assert found
    assert replace(found, token="") == dispatches.Dispatch(
        "command-2", "i-1", "consul", "install", "succeeded", "", {"version": "1", "ok": True}
    )


def test_failures_count_once_for_an_instance_and_a_success_resets_them(table: str) -> None:
    assert breakers.failed(table, "servers", instance_id="i-1", reason="x") == 1
    assert breakers.failed(table, "servers", instance_id="i-1", reason="x") == 1
    assert breakers.failed(table, "servers", instance_id="i-2", reason="x") == 2
    breakers.succeeded(table, "servers")
    assert breakers.failed(table, "servers", instance_id="i-3", reason="x") == 1


def test_a_result_comes_back_as_the_json_it_was(table: str) -> None:
    """It is the output of a task: a second reading must not make other numbers of it."""
    result = {"written": 7, "seconds": 1.5, "keys": [{"shares": 5, "done": True}], "none": None}
    dispatches.record(table, COMMAND, "command-1", "token")
    dispatches.conclude(table, "command-1", status="succeeded", result=result)
    found = dispatches.find(table, COMMAND)
    assert found
    assert json.dumps(found.result, sort_keys=True) == json.dumps(result, sort_keys=True)


def test_work_that_was_found_has_its_command(table: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sender that dies between the two writes must leave nothing that a repetition stumbles over."""
    written: list[str] = []
    put = dispatches.table.put
    monkeypatch.setattr(
        dispatches.table, "put", lambda name, pk, *rest, **more: written.append(pk) or put(name, pk, *rest, **more)
    )
    dispatches.record(table, COMMAND, "command-1", "token")
    assert written == ["command", "dispatch"]
