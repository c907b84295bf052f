"""Formation is a Lambda's and an execution's work, and both may end anywhere: what was done is not done again."""

import json
from collections import Counter
from collections.abc import Callable

import pytest

from lab.aws.chaos import Event, Moment
from lambdas.domain import names
from tests.integration.conftest import Open
from tests.integration.story import Story

FORMATION = ("secrets", "configure", "start", "bootstrap")
RETRIES = 6
"""Of a task whose function's process died; see `Runtime.ExitError` in the state machines."""

PROCESS_DIED = "Runtime.ExitError"

MOMENTS: tuple[Moment, ...] = ("before", "after")


def sends(phase: str) -> Callable[[Event], bool]:
    """A call of send_command for formation in that phase."""

    def matches(event: Event) -> bool:
        return event["command"]["phase"] == phase and "-g1" in event["command"]["scope"][-3:]

    return matches


def assert_formed_with_nothing_done_twice(story: Story, attempts: int) -> None:
    record = story.formation()
    assert (record["status"], int(record["attempt"]), int(record["fencing"])) == ("formed", attempts, attempts)
    assert [one.name for one in story.formations] == [
        f"{story.config.name}-g1-a{number}" for number in range(1, attempts + 1)
    ]
    story.assert_one_cluster()
    assert set(story.succeeded(*FORMATION).values()) == {1}, "a command that had succeeded was sent again"
    assert all(launch.status == "SUCCEEDED" for launch in story.launches())


def test_a_function_that_dies_before_and_after_its_work_in_every_step_costs_retries(story: Open) -> None:
    def kill(told: Story) -> None:
        for when in MOMENTS:
            for step in ("begin_formation", "complete_formation"):
                told.chaos.fail_lambda(step, PROCESS_DIED, when=when)
            for phase in FORMATION:
                told.chaos.fail_lambda("send_command", PROCESS_DIED, when=when, matches=sends(phase))

    founders = story("founders", before=kill).settle()
    assert founders.chaos.described() == [], "all of them died"
    assert_formed_with_nothing_done_twice(founders, attempts=1)


def test_a_function_that_dies_between_two_calls_costs_retries(story: Open) -> None:
    def kill(told: Story) -> None:
        for calls in (1, 2, 4):
            for step in ("begin_formation", "complete_formation"):
                told.chaos.kill_lambda(step, after_calls=calls)

    alone = story("alone", before=kill).settle()
    assert alone.chaos.described() == []
    assert_formed_with_nothing_done_twice(alone, attempts=1)


def test_a_function_that_dies_again_and_again_ends_the_attempt_and_the_next_one_goes_on(story: Open) -> None:
    """In each phase once, so that the fifth attempt, the last that is made by itself, ends what the first began."""

    def kill(told: Story) -> None:
        for phase in FORMATION:
            # One command only: the others of its phase go on.
            told.chaos.fail_lambda(
                "send_command",
                PROCESS_DIED,
                times=RETRIES + 1,
                matches=lambda event, phase=phase: sends(phase)(event) and event["command"]["component"] == "consul",
            )

    alone = story("alone", before=kill).settle()
    assert_formed_with_nothing_done_twice(alone, attempts=5)
    *failed, last = alone.formations
    assert [(one.status, one.error) for one in failed] == [("FAILED", "FormationFailed")] * 4
    assert last.status == "SUCCEEDED"
    assert [one.states_entered[-2:] for one in failed] == [["FailFormation", "Failed"]] * 4


def test_so_does_one_that_dies_when_all_is_done_but_the_record(story: Open) -> None:
    alone = story(
        "alone",
        before=lambda told: told.chaos.fail_lambda("complete_formation", PROCESS_DIED, times=RETRIES + 1),
    ).settle()
    assert_formed_with_nothing_done_twice(alone, attempts=2)
    first, second = alone.formations
    assert (first.status, first.error, second.status) == ("FAILED", "FormationFailed", "SUCCEEDED")
    assert first.states_entered[-2:] == ["FailFormation", "Failed"]


def test_an_attempt_that_never_claimed_the_record_is_followed_by_one_of_the_next_name(story: Open) -> None:
    """It owns nothing, so its failure tells nobody: launches that wait ask again when their token times out."""
    alone = story(
        "alone",
        before=lambda told: told.chaos.fail_lambda("begin_formation", PROCESS_DIED, times=RETRIES + 1),
        impatient=True,
    ).settle()
    record = alone.formation()
    assert (record["status"], int(record["attempt"]), int(record["fencing"])) == ("formed", 2, 1)
    assert [one.status for one in alone.formations] == ["FAILED", "SUCCEEDED"]
    alone.assert_one_cluster()


def test_nobody_may_be_left_to_say_that_the_attempt_failed(story: Open) -> None:
    """Then launches that wait ask again when their token times out, and see that no attempt runs."""

    def kill(told: Story) -> None:
        told.faults.fail("nomad", "start", exit_code=64, reason="a defect of ours")
        told.chaos.fail_lambda("fail_formation", PROCESS_DIED, times=RETRIES + 1)

    alone = story("alone", before=kill, impatient=True).settle()
    assert_formed_with_nothing_done_twice(alone, attempts=2)
    first, _ = alone.formations
    assert first.states_entered[-2:] == ["FailFormation", "Unrecorded"]


def test_an_execution_that_is_stopped_in_the_middle_of_a_phase_is_followed_by_another(story: Open) -> None:
    alone = story("alone", before=slow_down)
    for phase in FORMATION:
        stop_while(alone, phase)
    alone.settle()

    assert_formed_with_nothing_done_twice(alone, attempts=5)
    assert [one.status for one in alone.formations] == ["ABORTED"] * 4 + ["SUCCEEDED"]
    assert set(Counter(sent.work for sent in alone.sent if sent.phase in FORMATION).values()) == {1}, (
        "what was under way was sent again"
    )


def slow_down(story: Story) -> None:
    for phase in FORMATION:
        for component in ("ca", "consul", "vault", "vault_init", "vault_workloads", "nomad"):
            story.faults.slow(component, phase, 0.5)


def stop_while(story: Story, phase: str) -> None:
    """Stop formation while all commands of the phase run."""
    wanted = {"secrets": 3, "configure": 4, "start": 3, "bootstrap": 4}[phase]

    def under_way() -> bool:
        return sum(sent.phase == phase and sent.status == "InProgress" for sent in story.sent) == wanted

    story.wait_until(under_way, 30, lambda: f"waiting for {phase} to be under way")
    [formation] = [one for one in story.formations if one.status == "RUNNING"]
    story.aws.client("stepfunctions").stop_execution(executionArn=formation.arn, cause="stopped by an operator")


def test_an_execution_that_is_stopped_after_the_record_says_formed_changes_nothing(story: Open) -> None:
    """The founders were told already; the attempt that was stopped does not undo it."""
    alone = story("alone").settle()
    [formation] = alone.formations
    function = names.function(alone.config.name, "fail_formation")
    late = {"execution": formation.arn, "failure": {"Error": "ABORTED", "Cause": "its execution ended as ABORTED"}}
    alone.aws.client("lambda").invoke(FunctionName=function, Payload=json.dumps(late).encode())
    assert alone.formation()["status"] == "formed"


@pytest.mark.parametrize("calls", [2, 3, 4])
def test_a_sender_that_dies_before_it_has_kept_its_token_may_send_twice(story: Open, calls: int) -> None:
    """SendCommand has no idempotency token: documents have to bear it, and one answer counts."""

    def kill(told: Story) -> None:
        for phase in ("install", *FORMATION, "verify"):
            told.chaos.kill_lambda(
                "send_command",
                after_calls=calls,
                matches=lambda event, phase=phase: (
                    event["command"]["phase"] == phase and event["command"]["component"] in ("consul", "ca")
                ),
            )

    alone = story("alone", before=kill).settle()
    record = alone.formation()
    assert (record["status"], int(record["attempt"])) == ("formed", 1)
    sent = Counter(sent.work for sent in alone.sent)
    assert max(sent.values()) <= 2
    assert (2 in sent.values()) == (calls < 3), "a command that is on record is not sent again"
    for product in ("consul", "vault", "nomad"):
        assert len(alone.clusters(product)) == 1
    assert all(launch.status == "SUCCEEDED" for launch in alone.launches())


def test_an_attempt_that_dies_before_it_claims_the_record_is_followed_by_the_next_at_once(story: Open) -> None:
    """Nobody waits for the token's time-out: minutes, in which nothing would be under way."""

    def kill(told: Story) -> None:
        told.chaos.fail_lambda("begin_formation", PROCESS_DIED, times=RETRIES + 1)

    alone = story("alone", before=kill).settle()
    assert [one.status for one in alone.formations] == ["FAILED", "SUCCEEDED"]
    record = alone.formation()
    assert (record["status"], int(record["attempt"]), int(record["fencing"])) == ("formed", 2, 1)
    assert [launch.status for launch in alone.launches()] == ["SUCCEEDED"]
