"""The records' conditional writes: who may write what, and what a repetition changes."""

import json
import time
from dataclasses import replace

import pytest

from lambdas.aws import breakers, claims, dispatches, formation_record, journal, members, rotation_record
from lambdas.aws import table as records
from lambdas.aws.clients import client
from lambdas.aws.dispatches import Dispatch, Waiting
from lambdas.aws.members import Member
from lambdas.domain.membership.journal import Entry
from tests.builders import a_command, a_node, an_arrival

ROTATED = ("consul rekey install", "consul rekey use")

COMMAND = a_command("i-1")


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


def execution(name: str) -> str:
    """ARN of an execution that runs."""
    machine = "arn:aws:states:eu-west-1:123456789012:stateMachine:flow"
    states = client("stepfunctions")
    definition = '{"StartAt": "Wait", "States": {"Wait": {"Type": "Pass", "End": true}}}'
    states.create_state_machine(
        name="flow", definition=definition, roleArn="arn:aws:iam::123456789012:role/anybody-at-all"
    )
    return str(states.start_execution(stateMachineArn=machine, name=name, input="{}")["executionArn"])


def test_a_subject_is_taken_once(table: str) -> None:
    one, two = execution("one"), execution("two")
    assert claims.take(table, "goodbye", "i-1", one) == "first"
    assert claims.take(table, "goodbye", "i-1", one) == "again", "a repetition of the same execution"
    assert claims.take(table, "goodbye", "i-1", two) is None
    assert claims.take(table, "launch", "i-1", two) == "first", "a launch is not a goodbye"
    assert [(one.subject, one.execution) for one in claims.every(table, "launch")] == [("i-1", two)]


def test_what_an_execution_left_behind_is_taken_over(table: str) -> None:
    one, two, three = execution("one"), execution("two"), execution("three")
    claims.take(table, "goodbye", "i-1", one)
    client("stepfunctions").stop_execution(executionArn=one)
    assert claims.take(table, "goodbye", "i-1", two) == "over"
    assert claims.take(table, "goodbye", "i-1", three) is None


def test_a_claim_of_an_execution_that_nobody_remembers_is_free(table: str) -> None:
    """Step Functions forgets executions after 90 days."""
    gone = execution("one").replace(":one", ":long-gone")
    claims.take(table, "goodbye", "i-1", gone)
    assert claims.take(table, "goodbye", "i-1", execution("two")) == "over"


def sent(table: str, command_id: str, token: str) -> Waiting:
    dispatches.record(table, COMMAND, command_id)
    return dispatches.wait(table, COMMAND, command_id, token)


def test_a_command_is_waited_for_until_its_end_is_told(table: str) -> None:
    waiting = sent(table, "command-1", "token-1")
    late = time.time() + COMMAND.answer_within_seconds + 1
    assert dispatches.overdue(table, time.time()) == []
    assert dispatches.overdue(table, late) == [waiting]
    dispatches.forget(table, waiting)
    assert dispatches.overdue(table, late) == []
    assert dispatches.waiting(table, "command-1") is None


def test_members_come_back_as_they_were_written(table: str) -> None:
    one = Member("i-1", "servers", ("consul", "nomad"), "10.0.0.1", {"nomad": "a"}, {"nomad": "b"})
    members.write(table, one)
    assert members.find(table, "i-1") == one
    assert members.every(table) == [one]
    members.forget(table, "i-1")
    assert members.find(table, "i-1") is None


def test_the_journal_keeps_entries_in_their_order_and_fails_nobody(table: str) -> None:
    entry = Entry("demo", "i-1", "arn", "goodbye", "wait", "a voter is missing")
    assert journal.write(table, entry)
    assert journal.write(table, replace(entry, decision="act"))
    kept = records.query(table, "journal")
    assert [one["decision"] for one in kept] == ["wait", "act"]
    assert [one["sk"] for one in kept] == sorted(one["sk"] for one in kept)
    assert not journal.write("no-such-table", entry)


def test_a_dispatch_is_found_by_the_work_and_who_waits_by_the_command(table: str) -> None:
    assert dispatches.find(table, COMMAND) is None
    waiting = sent(table, "command-1", "token-1")
    assert dispatches.find(table, COMMAND) == Dispatch("command-1", "sent", {})
    assert dispatches.waiting(table, "command-1") == waiting
    assert waiting == Waiting("command-1", "i-1", "consul", "install", "token-1", COMMAND.dispatch_key)


def test_a_new_token_takes_over_the_answer(table: str) -> None:
    before = sent(table, "command-1", "token-1")
    after = dispatches.wait(table, COMMAND, "command-1", "token-2")
    assert dispatches.waiting(table, "command-1") == after == replace(before, token="token-2")


def test_a_token_that_took_over_is_not_forgotten_with_the_one_before(table: str) -> None:
    """Whoever told the first has told only the first."""
    told = sent(table, "command-1", "token-1")
    waits = dispatches.wait(table, COMMAND, "command-1", "token-2")
    dispatches.forget(table, told)
    assert dispatches.waiting(table, "command-1") == waits
    dispatches.forget(table, waits)
    assert dispatches.waiting(table, "command-1") is None


def test_a_result_is_kept_for_the_work_but_not_by_a_command_that_was_replaced(table: str) -> None:
    first, second = sent(table, "command-1", "token-1"), sent(table, "command-2", "token-2")
    dispatches.conclude(table, first, status="failed", result={})
    assert dispatches.find(table, COMMAND) == Dispatch("command-2", "sent", {})
    dispatches.conclude(table, second, status="succeeded", result={"version": "1", "ok": True})
    assert dispatches.find(table, COMMAND) == Dispatch("command-2", "succeeded", {"version": "1", "ok": True})


def test_failures_count_once_for_an_instance_and_a_success_resets_them(table: str) -> None:
    assert breakers.failed(table, "servers", instance_id="i-1", reason="x") == 1
    assert breakers.failed(table, "servers", instance_id="i-1", reason="x") == 1
    assert breakers.failed(table, "servers", instance_id="i-2", reason="x") == 2
    breakers.succeeded(table, "servers")
    assert breakers.failed(table, "servers", instance_id="i-3", reason="x") == 1


def test_a_result_comes_back_as_the_json_it_was(table: str) -> None:
    """It is the output of a task: a second reading must not make other numbers of it."""
    result = {"written": 7, "seconds": 1.5, "keys": [{"shares": 5, "done": True}], "none": None}
    dispatches.conclude(table, sent(table, "command-1", "token"), status="succeeded", result=result)
    found = dispatches.find(table, COMMAND)
    assert found
    assert json.dumps(found.result, sort_keys=True) == json.dumps(result, sort_keys=True)


def test_one_rotation_at_a_time_and_the_next_has_the_next_number(table: str, running: set[str]) -> None:
    running.add("one")
    first = rotation_record.begin(table, "one", ROTATED)
    assert first
    assert (first.number, first.at, first.execution) == (1, 0, "one")
    assert rotation_record.begin(table, "two", ROTATED) is None
    assert rotation_record.begin(table, "one", ROTATED) == first, "a repetition changes nothing"
    second = rotation_record.advance(table, first)
    assert second
    assert rotation_record.advance(table, first) is None, "its stage is over already"
    assert rotation_record.begin(table, "two", ROTATED) is None
    last = rotation_record.advance(table, second)
    assert last
    assert last.stage is None
    assert rotation_record.go_on(table, "one") is None
    after = rotation_record.begin(table, "two", ROTATED)
    assert after
    assert (after.number, after.at) == (2, 0)


def test_a_rotation_that_nobody_runs_any_more_is_gone_on_with_where_it_was(table: str, running: set[str]) -> None:
    assert rotation_record.go_on(table, "two") is None, "there is none"
    running.add("one")
    first = rotation_record.begin(table, "one", ROTATED)
    assert first
    second = rotation_record.advance(table, first)
    running.remove("one")
    taken = rotation_record.begin(table, "two", ("nomad rekey install",))
    assert taken
    assert (taken.number, taken.at, taken.stages, taken.execution) == (1, 1, ROTATED, "two")
    assert second
    assert rotation_record.advance(table, second) is None, "the one that was taken over advances nothing"


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Executions that run: moto's Step Functions would need a machine for each."""
    found: set[str] = set()
    monkeypatch.setattr("lambdas.aws.executions.is_rotating", found.__contains__)
    return found
