"""From a desired capacity to instances in service, through every service once."""

from collections import Counter

from lab.aws import EmbeddedAws
from lab.hosts.seam import Ran
from tests.contract.lab_aws.hosts import RecordingHosts


def states(aws: EmbeddedAws, group: str = "small") -> list[str]:
    groups = aws.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[group])
    return [instance["LifecycleState"] for instance in groups["AutoScalingGroups"][0]["Instances"]]


def scale(aws: EmbeddedAws, size: int, group: str = "small") -> None:
    aws.client("autoscaling").set_desired_capacity(AutoScalingGroupName=group, DesiredCapacity=size)


def test_instances_reach_service_through_hook_machine_and_command(
    application: EmbeddedAws, hosts: RecordingHosts
) -> None:
    scale(application, 3)
    assert application.drain(20)
    assert application.errors == []
    assert states(application) == ["InService"] * 3
    assert Counter(machine.availability_zone for machine in hosts.machines.values()) == {
        "eu-west-1a": 1,
        "eu-west-1b": 1,
        "eu-west-1c": 1,
    }
    machine = next(iter(hosts.machines.values()))
    assert machine.user_data == "#!/bin/bash\necho hello\n"
    assert machine.role_name == "node"
    assert machine.autoscaling_group == "small"
    assert machine.tags["cluster"] == "small"
    assert machine.tags["from"] == "template"
    assert machine.vpc_cidr == "10.0.0.0/16"
    _, run = hosts.runs[0]
    assert run.environment == {"SSM_Greeting": "hello"}
    assert run.script == "echo $SSM_Greeting\necho world"
    assert run.timeout_seconds == 60


def test_executions_tell_what_they_did(application: EmbeddedAws) -> None:
    scale(application, 1)
    assert application.drain(20)
    [execution] = application.executions("small-launch")
    assert execution.status == "SUCCEEDED"
    assert execution.states_entered == ["Install", "Complete"]
    assert execution.transitions == 2
    assert execution.events[0]["type"] == "ExecutionStarted"
    changes = [e["detail"]["status"] for e in application.events if e["source"] == "aws.states"]
    assert changes == ["RUNNING", "SUCCEEDED"]


def test_a_failed_command_abandons_the_instance_and_a_replacement_is_launched(
    application: EmbeddedAws, hosts: RecordingHosts
) -> None:
    fails = iter([True])
    hosts.answer = lambda instance_id, run: Ran(70, "", "no space left\n") if next(fails, False) else Ran(0, "{}", "")
    scale(application, 1)
    assert application.drain(20)
    assert states(application) == ["InService"]
    assert len(hosts.terminated) == 1
    failed, succeeded = application.executions("small-launch")
    assert (failed.status, failed.error, failed.cause) == ("FAILED", "NodeFailed", "no space left\n")
    assert succeeded.status == "SUCCEEDED"
    activities = application.client("autoscaling").describe_scaling_activities(AutoScalingGroupName="small")
    assert [a["StatusCode"] for a in activities["Activities"]] == ["Successful", "Failed"]


def test_calls_are_counted_by_caller(application: EmbeddedAws) -> None:
    application.calls.reset()
    scale(application, 1)
    assert application.drain(20)
    calls = application.calls.by_caller()
    assert calls["operator"] == {"autoscaling:SetDesiredCapacity": 1}
    assert calls["states:small-launch"] == {"lambda:Invoke": 2}
    [sender] = [caller for caller in calls if "SendCommand" in caller]
    assert calls[sender] == {"ssm:SendCommand": 1, "dynamodb:PutItem": 1}
