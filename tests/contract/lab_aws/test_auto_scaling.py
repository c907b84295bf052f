"""Groups launch, hold, replace, retain and give up instances as AWS's do."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from lab.aws import EmbeddedAws
from lab.aws.capacity import Member, next_subnet, to_terminate
from tests.contract.lab_aws.hosts import RecordingHosts
from tests.contract.lab_aws.template import STACK, group, hook, network, write_assembly
from tests.contract.lab_aws.waiting import wait_until

RETAIN = {"RetentionTriggers": {"TerminateHookAbandon": "retain"}}


@pytest.fixture
def fast(hosts: RecordingHosts, tmp_path: Any) -> Iterator[EmbeddedAws]:
    """Groups with and without hooks; heartbeats of 300 s pass in 0.3 s."""
    resources = network() | {
        "Plain": group("plain", []),
        "Launching": group("launching", [hook("launch", "LAUNCHING")]),
        "Leaving": group("leaving", [hook("terminate", "TERMINATING")]),
        "Retaining": group("retaining", [hook("terminate", "TERMINATING")], InstanceLifecyclePolicy=RETAIN),
        "Careful": group(
            "careful", [], InstanceMaintenancePolicy={"MinHealthyPercentage": 100, "MaxHealthyPercentage": 110}
        ),
    }
    with EmbeddedAws(hosts, time_scale=0.01, timeout_scale=0.001) as aws:
        aws.deploy(write_assembly(tmp_path, {"Resources": resources}), STACK)
        yield aws


def described(aws: EmbeddedAws, name: str) -> dict[str, Any]:
    return aws.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"][0]


def states(aws: EmbeddedAws, name: str) -> list[str]:
    return sorted(instance["LifecycleState"] for instance in described(aws, name)["Instances"])


def ids(aws: EmbeddedAws, name: str) -> list[str]:
    return [instance["InstanceId"] for instance in described(aws, name)["Instances"]]


def scale(aws: EmbeddedAws, name: str, size: int) -> None:
    aws.client("autoscaling").set_desired_capacity(AutoScalingGroupName=name, DesiredCapacity=size)
    assert aws.drain(5)


def actions(aws: EmbeddedAws) -> list[dict[str, Any]]:
    return [e["detail"] for e in aws.events if e["detail-type"].endswith("Lifecycle Action")]


def complete(aws: EmbeddedAws, detail: dict[str, Any], result: str) -> None:
    aws.client("autoscaling").complete_lifecycle_action(
        AutoScalingGroupName=detail["AutoScalingGroupName"],
        LifecycleHookName=detail["LifecycleHookName"],
        LifecycleActionToken=detail["LifecycleActionToken"],
        LifecycleActionResult=result,
    )
    assert aws.drain(5)


def test_an_instance_without_hooks_goes_into_service(fast: EmbeddedAws, hosts: RecordingHosts) -> None:
    scale(fast, "plain", 2)
    assert states(fast, "plain") == ["InService", "InService"]
    scale(fast, "plain", 1)
    assert len(hosts.terminated) == 1
    kinds = [e["detail"]["state"] for e in fast.events if e["source"] == "aws.ec2"]
    assert sorted(kinds) == sorted(["pending", "running"] * 2 + ["shutting-down", "terminated"])
    assert "EC2 Instance Terminate Successful" in [e["detail-type"] for e in fast.events]


def test_instance_has_what_its_launch_template_says(fast: EmbeddedAws) -> None:
    scale(fast, "plain", 1)
    reservations = fast.client("ec2").describe_instances(InstanceIds=ids(fast, "plain"))["Reservations"]
    instance = reservations[0]["Instances"][0]
    assert instance["MetadataOptions"]["HttpTokens"] == "required"
    assert instance["MetadataOptions"]["HttpPutResponseHopLimit"] == 2
    assert ":instance-profile/" in instance["IamInstanceProfile"]["Arn"]
    tags = {tag["Key"]: tag["Value"] for tag in instance["Tags"]}
    assert (tags["cluster"], tags["from"]) == ("small", "template")
    assert tags["aws:autoscaling:groupName"] == "plain"


def test_launch_hook_holds_an_instance_until_completed(fast: EmbeddedAws) -> None:
    scale(fast, "launching", 1)
    assert states(fast, "launching") == ["Pending:Wait"]
    [action] = actions(fast)
    assert action["Origin"] == "EC2"
    assert action["Destination"] == "AutoScalingGroup"
    complete(fast, action, "CONTINUE")
    assert states(fast, "launching") == ["InService"]
    with pytest.raises(ClientError, match="No active Lifecycle Action found"):
        complete(fast, action, "CONTINUE")


def test_an_action_can_be_completed_by_instance(fast: EmbeddedAws) -> None:
    scale(fast, "launching", 1)
    fast.client("autoscaling").complete_lifecycle_action(
        AutoScalingGroupName="launching",
        LifecycleHookName="launch",
        InstanceId=ids(fast, "launching")[0],
        LifecycleActionResult="CONTINUE",
    )
    assert states(fast, "launching") == ["InService"]


def test_heartbeats_prolong_the_wait_which_ends_with_the_default_result(
    fast: EmbeddedAws, hosts: RecordingHosts
) -> None:
    scale(fast, "launching", 1)
    [first] = ids(fast, "launching")
    heartbeat = {"AutoScalingGroupName": "launching", "LifecycleHookName": "launch", "InstanceId": first}
    for _ in range(4):
        assert not wait_until(lambda: first not in ids(fast, "launching"), timeout=0.15)
        fast.client("autoscaling").record_lifecycle_action_heartbeat(**heartbeat)
    fast.client("autoscaling").suspend_processes(AutoScalingGroupName="launching", ScalingProcesses=["Launch"])
    assert wait_until(lambda: hosts.terminated == [first], timeout=3)
    assert ids(fast, "launching") == []


def test_suspended_launch_replaces_nothing_until_it_is_resumed(fast: EmbeddedAws) -> None:
    scale(fast, "plain", 1)
    api = fast.client("autoscaling")
    api.suspend_processes(AutoScalingGroupName="plain", ScalingProcesses=["Launch"])
    fast.client("ec2").terminate_instances(InstanceIds=ids(fast, "plain"))
    assert fast.drain(5)
    assert ids(fast, "plain") == []
    api.resume_processes(AutoScalingGroupName="plain", ScalingProcesses=["Launch"])
    assert fast.drain(5)
    assert states(fast, "plain") == ["InService"]


def test_both_results_of_a_terminate_hook_terminate(fast: EmbeddedAws, hosts: RecordingHosts) -> None:
    scale(fast, "leaving", 2)
    scale(fast, "leaving", 0)
    assert states(fast, "leaving") == ["Terminating:Wait"] * 2
    assert hosts.terminated == []
    for action, result in zip(actions(fast), ("CONTINUE", "ABANDON"), strict=True):
        complete(fast, action, result)
    assert ids(fast, "leaving") == []
    assert len(hosts.terminated) == 2


def test_an_abandoned_termination_retains_the_instance_where_the_policy_says_so(
    fast: EmbeddedAws, hosts: RecordingHosts
) -> None:
    scale(fast, "retaining", 1)
    [instance] = ids(fast, "retaining")
    fast.client("autoscaling").terminate_instance_in_auto_scaling_group(
        InstanceId=instance, ShouldDecrementDesiredCapacity=False
    )
    assert fast.drain(5)
    complete(fast, actions(fast)[0], "ABANDON")
    assert states(fast, "retaining") == ["InService", "Terminating:Retained"]
    assert hosts.terminated == []
    fast.client("autoscaling").terminate_instance_in_auto_scaling_group(
        InstanceId=instance, ShouldDecrementDesiredCapacity=False
    )
    assert fast.drain(5)
    assert states(fast, "retaining") == ["InService"]
    assert hosts.terminated == [instance]


def test_a_replacement_comes_into_service_before_the_unhealthy_instance_leaves(
    fast: EmbeddedAws, hosts: RecordingHosts
) -> None:
    scale(fast, "careful", 1)
    [old] = ids(fast, "careful")
    fast.client("autoscaling").set_instance_health(InstanceId=old, HealthStatus="Unhealthy")
    assert fast.drain(5)
    [new] = ids(fast, "careful")
    assert new != old
    kinds = [e["detail-type"] for e in fast.events if e["detail"].get("EC2InstanceId") in (old, new)]
    assert kinds[-2:] == ["EC2 Instance Launch Successful", "EC2 Instance Terminate Successful"]


def test_an_instance_terminated_behind_the_group_still_meets_its_hook(fast: EmbeddedAws) -> None:
    scale(fast, "leaving", 1)
    fast.client("ec2").terminate_instances(InstanceIds=ids(fast, "leaving"))
    assert fast.drain(5)
    assert states(fast, "leaving") == ["InService", "Terminating:Wait"]


def test_a_machine_that_does_not_boot_is_replaced(fast: EmbeddedAws, hosts: RecordingHosts) -> None:
    boot, failures = hosts.boot, iter([True])

    def fail_once(machine: Any) -> None:
        if next(failures, False):
            raise RuntimeError("no capacity")
        boot(machine)

    hosts.boot = fail_once  # type: ignore[method-assign]
    scale(fast, "plain", 1)
    assert states(fast, "plain") == ["InService"]
    assert "EC2 Instance Launch Unsuccessful" in [e["detail-type"] for e in fast.events]
    assert [str(error) for error in fast.errors] == ["no capacity"]


def test_desired_capacity_stays_within_the_size(fast: EmbeddedAws) -> None:
    with pytest.raises(ClientError, match="above max value 9"):
        fast.client("autoscaling").set_desired_capacity(AutoScalingGroupName="plain", DesiredCapacity=10)


def test_hooks_keep_their_fields(application: EmbeddedAws) -> None:
    [found] = application.client("autoscaling").describe_lifecycle_hooks(AutoScalingGroupName="small")["LifecycleHooks"]
    assert found["NotificationMetadata"] == '{"kind": "server"}'
    assert (found["HeartbeatTimeout"], found["GlobalTimeout"]) == (300, 30_000)


def member(name: str, zone: str, launched_at: float, *, protected: bool = False) -> Member:
    return Member(name, zone, f"subnet-{zone}", launched_at, protected)


def test_scale_in_takes_the_oldest_of_the_fullest_zone() -> None:
    members = [member("a1", "a", 1), member("a2", "a", 2), member("b1", "b", 0), member("c1", "c", 0)]
    assert [m.instance_id for m in to_terminate(members, 1)] == ["a1"]
    assert [m.instance_id for m in to_terminate(members, 1, newest_first=True)] == ["a2"]
    shielded = [member("a1", "a", 1, protected=True), *members[1:]]
    assert [m.instance_id for m in to_terminate(shielded, 2)] == ["a2", "b1"]


def test_launches_go_to_the_emptiest_subnet() -> None:
    members = [member("a1", "a", 1), member("c1", "c", 1)]
    assert next_subnet(["subnet-a", "subnet-b", "subnet-c"], members) == "subnet-b"


def test_a_machine_that_fails_its_status_checks_is_replaced_after_a_while(fast: EmbeddedAws) -> None:
    scale(fast, "careful", 1)
    [sick] = ids(fast, "careful")
    fast.fail_status_checks(sick)
    assert ids(fast, "careful") == [sick], "one failed check is none"
    assert wait_until(lambda: states(fast, "careful") == ["InService"] and ids(fast, "careful") != [sick])


# Instance refresh.


def refreshed(aws: EmbeddedAws, name: str) -> dict[str, Any]:
    return aws.client("autoscaling").describe_instance_refreshes(AutoScalingGroupName=name)["InstanceRefreshes"][0]


def lives(aws: EmbeddedAws, name: str) -> list[tuple[str, str]]:
    """(what, instance) of each launch and termination that ended, in order."""
    kinds = {"EC2 Instance Launch Successful": "launched", "EC2 Instance Terminate Successful": "terminated"}
    return [
        (kinds[event["detail-type"]], event["detail"]["EC2InstanceId"])
        for event in aws.events
        if event["detail-type"] in kinds and event["detail"]["AutoScalingGroupName"] == name
    ]


def test_a_refresh_replaces_one_after_the_other_and_launches_first_where_all_must_stay_healthy(
    fast: EmbeddedAws,
) -> None:
    scale(fast, "careful", 3)
    old = set(ids(fast, "careful"))
    done = len(lives(fast, "careful"))
    fast.client("autoscaling").start_instance_refresh(AutoScalingGroupName="careful")
    assert wait_until(lambda: refreshed(fast, "careful")["Status"] == "Successful")
    assert [what for what, _ in lives(fast, "careful")[done:]] == ["launched", "terminated"] * 3
    assert states(fast, "careful") == ["InService"] * 3
    assert old.isdisjoint(ids(fast, "careful"))


def test_a_refresh_that_may_do_with_fewer_terminates_first(fast: EmbeddedAws) -> None:
    scale(fast, "plain", 2)
    done = len(lives(fast, "plain"))
    fast.client("autoscaling").start_instance_refresh(
        AutoScalingGroupName="plain", Preferences={"MinHealthyPercentage": 50}
    )
    assert wait_until(lambda: refreshed(fast, "plain")["Status"] == "Successful")
    assert [what for what, _ in lives(fast, "plain")[done:]] == ["terminated", "launched"] * 2


def test_a_refresh_waits_for_hooks_and_goes_on_past_a_retained_instance(fast: EmbeddedAws) -> None:
    scale(fast, "retaining", 2)
    fast.client("autoscaling").start_instance_refresh(AutoScalingGroupName="retaining")
    with pytest.raises(ClientError, match="InstanceRefreshInProgress"):
        fast.client("autoscaling").start_instance_refresh(AutoScalingGroupName="retaining")
    assert wait_until(lambda: len(actions(fast)) == 1)
    assert wait_until(lambda: states(fast, "retaining") == ["InService", "InService", "Terminating:Wait"])
    complete(fast, actions(fast)[0], "ABANDON")
    assert wait_until(lambda: len(actions(fast)) == 2)
    complete(fast, actions(fast)[1], "CONTINUE")
    assert wait_until(lambda: refreshed(fast, "retaining")["Status"] == "Successful")
    assert fast.drain(5)
    assert states(fast, "retaining") == ["InService", "InService", "Terminating:Retained"]


def test_a_cancelled_refresh_begins_with_no_other_instance(fast: EmbeddedAws) -> None:
    scale(fast, "leaving", 2)
    fast.client("autoscaling").start_instance_refresh(AutoScalingGroupName="leaving")
    assert wait_until(lambda: len(actions(fast)) == 1)
    fast.client("autoscaling").cancel_instance_refresh(AutoScalingGroupName="leaving")
    assert refreshed(fast, "leaving")["Status"] == "Cancelling"
    complete(fast, actions(fast)[0], "CONTINUE")
    assert wait_until(lambda: refreshed(fast, "leaving")["Status"] == "Cancelled")
    assert fast.drain(5)
    assert len(actions(fast)) == 1
    with pytest.raises(ClientError, match="ActiveInstanceRefreshNotFound"):
        fast.client("autoscaling").cancel_instance_refresh(AutoScalingGroupName="leaving")


# What became of retained instances, and of groups.


def test_a_retained_instance_is_let_go_by_a_request_and_its_group_says_so(
    fast: EmbeddedAws, hosts: RecordingHosts
) -> None:
    scale(fast, "retaining", 1)
    [held] = ids(fast, "retaining")
    fast.client("autoscaling").terminate_instance_in_auto_scaling_group(
        InstanceId=held, ShouldDecrementDesiredCapacity=False
    )
    complete(fast, actions(fast)[0], "ABANDON")
    assert fast.drain(5)
    assert states(fast, "retaining") == ["InService", "Terminating:Retained"]
    fast.client("autoscaling").terminate_instance_in_auto_scaling_group(
        InstanceId=held, ShouldDecrementDesiredCapacity=False
    )
    assert fast.drain(5)
    assert states(fast, "retaining") == ["InService"]
    assert lives(fast, "retaining")[-1] == ("terminated", held)
    assert hosts.terminated == [held]


def test_ending_a_stack_ends_waiting_and_retained_instances_too(fast: EmbeddedAws, hosts: RecordingHosts) -> None:
    scale(fast, "retaining", 2)
    held, waiting = ids(fast, "retaining")
    for instance_id, answer in ((held, "ABANDON"), (waiting, None)):
        fast.client("autoscaling").terminate_instance_in_auto_scaling_group(
            InstanceId=instance_id, ShouldDecrementDesiredCapacity=False
        )
        if answer:
            complete(fast, actions(fast)[-1], answer)
    assert fast.drain(5)
    assert states(fast, "retaining") == ["InService", "InService", "Terminating:Retained", "Terminating:Wait"]
    fast.client("autoscaling").delete_auto_scaling_group(AutoScalingGroupName="retaining", ForceDelete=True)
    assert fast.drain(5)
    assert hosts.machines == {}
