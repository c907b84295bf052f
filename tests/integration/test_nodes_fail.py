"""What a document's exit code means for the node, and when replacing nodes stops."""

import json
from collections import Counter
from typing import Any

import pytest

from lambdas.domain.artifacts import MANIFEST_KEY
from tests.integration.conftest import Open
from tests.integration.story import Story


def test_a_node_that_fails_for_good_is_abandoned_and_replaced(story: Open) -> None:
    alone = story("alone", before=lambda told: told.faults.fail("vault", "install", reason="no space left")).settle()

    failed, succeeded = alone.launches()
    assert (failed.status, failed.error) == ("FAILED", "NodeFailed")
    assert failed.states_entered[-3:] == ["AbandonLaunch", "HowItEnded", "Abandoned"]
    assert "vault install: failed for good (exit 70): no space left; stderr: no space left" in str(failed.cause)
    assert failed.input["detail"]["EC2InstanceId"] in str(failed.cause)
    assert succeeded.status == "SUCCEEDED"
    alone.assert_one_cluster()
    assert alone.records("breaker") == {}, "a launch that succeeds resets it"


def test_three_failures_in_a_row_stop_launching_until_a_human_resumes_it(story: Open) -> None:
    alone = story("alone", before=lambda told: told.faults.fail("consul", "install", reason="bad disk", times=3))
    alone.wait_launching_stopped("servers")

    assert [one.status for one in alone.launches()] == ["FAILED"] * 3
    assert alone.suspended("servers") == ["Launch"]
    assert alone.states("servers") == {}, "no further instance"
    breaker = alone.records("breaker")["servers"]
    assert breaker["failures"] == 3
    assert "bad disk" in breaker["reason"]
    assert "launching stops" in str(alone.launches()[-1].cause)

    alone.resume_launching("servers")
    alone.wait_in_service(30)
    alone.settle()
    assert alone.formation()["status"] == "formed"
    assert alone.records("breaker") == {}


def test_a_failure_stays_one_though_the_answer_of_its_function_was_lost(story: Open) -> None:
    def lose_the_answer(told: Story) -> None:
        told.faults.fail("vault", "install", reason="no space left")
        told.chaos.fail_lambda("quorate-alone-abandon_launch", when="after")

    alone = story("alone", before=lose_the_answer).settle()

    failed, succeeded = alone.launches()
    assert alone.calls("abandon_launch")["autoscaling:CompleteLifecycleAction"] == 2, "the second call met an answer"
    assert (failed.status, failed.error) == ("FAILED", "NodeFailed")
    assert "no space left" in str(failed.cause)
    assert succeeded.status == "SUCCEEDED"


@pytest.mark.parametrize("exit_code", [69, 75])
def test_a_node_that_is_not_ready_yet_is_asked_again(story: Open, exit_code: int) -> None:
    alone = story("alone", before=lambda told: told.faults.fail("consul", "install", exit_code=exit_code, times=2))
    alone.settle()

    assert [one.status for one in alone.launches()] == ["SUCCEEDED"]
    sent = Counter((sent.component, sent.phase) for sent in alone.sent)
    assert sent["consul", "install"] == 3
    assert sent["vault", "install"] == 1


def test_a_bad_parameter_is_not_retried(story: Open) -> None:
    alone = story("alone", before=lambda told: told.faults.fail("consul", "install", exit_code=64, reason="Kind"))
    alone.settle()

    failed, _ = alone.launches()
    assert failed.error == "BadParameter"
    node = failed.input["detail"]["EC2InstanceId"]
    assert [sent.status for sent in alone.sent if sent.work == (node, "consul", "install")] == ["Failed"]


def test_nothing_is_installed_whose_checksum_is_wrong(story: Open) -> None:
    alone = story("alone", before=lambda told: told_another_checksum(told, "vault_linux_amd64"))
    alone.wait_launching_stopped("servers")

    assert [one.error for one in alone.launches()] == ["NodeFailed"] * 3
    assert "vault install: failed for good (exit 70): checksum of artifacts/" in str(alone.launches()[0].cause)
    assert alone.suspended("servers") == ["Launch"]

    alone.mirror()
    alone.resume_launching("servers")
    alone.wait_in_service(30)
    alone.settle().assert_one_cluster()


def told_another_checksum(story: Story, name: str) -> None:
    s3 = story.aws.client("s3")
    manifest: dict[str, Any] = json.loads(s3.get_object(Bucket=story.bucket, Key=MANIFEST_KEY)["Body"].read())
    manifest["artifacts"][name]["sha256"] = "0" * 64
    s3.put_object(Bucket=story.bucket, Key=MANIFEST_KEY, Body=json.dumps(manifest).encode())


def test_nodes_wait_for_the_mirror(story: Open) -> None:
    alone = story("alone", mirrored=False)
    alone.wait_until(
        lambda: "does not exist yet: run the mirror" in alone.log, 20, lambda: "nobody missed the manifest"
    )
    assert alone.sent == []
    alone.mirror()
    alone.settle()

    assert [one.status for one in alone.launches()] == ["SUCCEEDED"]
    alone.assert_one_cluster()


def test_a_manifest_that_lacks_something_is_said_before_anything_is_sent(story: Open) -> None:
    def forget(told: Story) -> None:
        s3 = told.aws.client("s3")
        s3.put_object(Bucket=told.bucket, Key=MANIFEST_KEY, Body=b'{"artifacts": {}}')

    alone = story("alone", before=forget).settle()
    assert alone.sent == []
    assert "the bucket's manifest has no consul_linux_amd64: mirror it" in str(alone.launches()[0].cause)


def test_a_launch_whose_instance_is_terminated_while_it_waits_is_not_counted_as_a_failure(story: Open) -> None:
    def lose_one(told: Story) -> None:
        told.chaos.drop_events(lambda event: "launch Lifecycle" in event["detail-type"], times=1)

    founders = story("founders", before=lose_one)
    founders.wait_until(lambda: len(founders.records("arrival")) == 2, 60, lambda: "two servers do not wait")
    instance_id, arrival = min(founders.records("arrival").items())
    founders.aws.client("ec2").terminate_instances(InstanceIds=[instance_id])
    # It asks again, as after a time-out or an attempt that failed.
    founders.aws.client("stepfunctions").send_task_failure(taskToken=arrival["token"], error="FormationFailed")
    founders.wait_until(lambda: founders.launch_of(instance_id).status != "RUNNING", 30, lambda: "its launch goes on")

    launch = founders.launch_of(instance_id)
    assert launch.status == "SUCCEEDED", "a failed execution rings launch-failed"
    assert launch.output is not None
    assert "was ended from outside" in launch.output["abandoned"]["value"]["reason"]
    assert founders.records("breaker") == {}
    assert instance_id not in founders.records("arrival")
