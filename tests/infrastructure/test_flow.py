"""From an event to the function that handles it: rules, state machines, functions, alarms."""

import re
from pathlib import Path

import pytest

from cdk_app import alarms, state_machine_source
from cdk_app.function_table import FUNCTIONS
from lambdas import observability
from lambdas.domain import names
from lambdas.domain.components import COMPONENTS
from lambdas.domain.outcome import TERMINAL_STATUSES
from tests.infrastructure.template import Template, as_list

RUNBOOKS = Path(__file__).parents[2] / "docs" / "runbooks"


def test_lifecycle_actions_of_our_groups_and_hooks_start_their_machine(template: Template) -> None:
    groups = {names.autoscaling_group(template.config.name, group.name) for group in template.config.groups}
    for verb, hook in (("launch", names.LAUNCH_HOOK), ("terminate", names.TERMINATE_HOOK)):
        pattern, target = rule(template, f"EC2 Instance-{verb} Lifecycle Action")
        assert pattern["source"] == ["aws.autoscaling"]
        assert set(pattern["detail"]["AutoScalingGroupName"]) == groups
        assert pattern["detail"]["LifecycleHookName"] == [hook]
        machine_name = names.state_machine(template.config.name, f"node_{verb}")
        machine, _ = template.one("AWS::StepFunctions::StateMachine", StateMachineName=machine_name)
        assert target["Arn"] == {"Ref": machine}
        assert "InputPath" not in target, "the machines read the whole event"


def test_the_end_of_our_commands_wakes_complete_command(template: Template) -> None:
    pattern, target = rule(template, "EC2 Command Invocation Status-change Notification")
    function_name = names.function(template.config.name, "complete_command")
    function, properties = template.one("AWS::Lambda::Function", FunctionName=function_name)
    assert target["Arn"] == {"Fn::GetAtt": [function, "Arn"]}
    assert "DeadLetterConfig" in properties, "nobody waits for it: what it cannot handle must not be lost"
    prefixes = [one["prefix"] for one in pattern["detail"]["document-name"]]
    for component in COMPONENTS:
        for phase in component.phases:
            document = names.document(template.config.name, component.name, phase)
            assert any(document.startswith(prefix) for prefix in prefixes)
    (passing,) = pattern["detail"]["status"]
    assert not set(passing["anything-but"]) & TERMINAL_STATUSES


def test_the_sweep_comes_by_the_clock_and_when_a_server_has_ended(template: Template) -> None:
    machine, _ = template.one(
        "AWS::StepFunctions::StateMachine", StateMachineName=names.state_machine(template.config.name, "sweep")
    )
    _, clock = template.one("AWS::Events::Rule", ScheduleExpression="rate(5 minutes)")
    assert [target["Arn"] for target in clock["Targets"]] == [{"Ref": machine}]
    servers = {names.autoscaling_group(template.config.name, group.name) for group in template.config.server_groups}
    for ended in ("Successful", "Unsuccessful"):
        pattern, target = rule(template, f"EC2 Instance Terminate {ended}")
        assert set(pattern["detail"]["AutoScalingGroupName"]) == servers, "a client leaves no vote behind"
        assert target["Arn"] == {"Ref": machine}


def test_every_delivery_is_retried_and_then_kept(template: Template) -> None:
    queue, _ = template.one("AWS::SQS::Queue")
    for one in template.of("AWS::Events::Rule").values():
        for target in one["Properties"]["Targets"]:
            assert target["RetryPolicy"]["MaximumRetryAttempts"] > 0
            assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": [queue, "Arn"]}}


def rule(template: Template, detail_type: str) -> tuple[dict, dict]:  # type: ignore[type-arg]
    (found,) = (
        one["Properties"]
        for one in template.of("AWS::Events::Rule").values()
        if one["Properties"].get("EventPattern", {}).get("detail-type") == [detail_type]
    )
    (target,) = found["Targets"]
    return found["EventPattern"], target


def test_machines_call_what_their_files_name_and_may_call_nothing_else(template: Template) -> None:
    functions = {one["Properties"]["FunctionName"]: name for name, one in template.of("AWS::Lambda::Function").items()}
    handlers = tuple(row.handler for row in FUNCTIONS)
    for flow in state_machine_source.flows():
        name = names.state_machine(template.config.name, flow)
        _, machine = template.one("AWS::StepFunctions::StateMachine", StateMachineName=name)
        text = state_machine_source.read(flow)
        arns = {
            state_machine_source.placeholder(handler): {
                "Fn::GetAtt": [functions[names.function(template.config.name, handler)], "Arn"]
            }
            for handler in state_machine_source.handlers_of(text, handlers)
        }
        assert arns.keys() == set(re.findall(r"\$\{(\w+)\}", machine["DefinitionString"]))
        assert machine["DefinitionSubstitutions"] == arns
        invokes = [
            arn
            for statement in template.statements(machine["RoleArn"]["Fn::GetAtt"][0])
            if "lambda:InvokeFunction" in as_list(statement["Action"])
            for arn in as_list(statement["Resource"])
        ]
        assert sorted(map(str, invokes)) == sorted(map(str, arns.values()))


def test_machines_are_standard_traced_and_log_no_tokens(template: Template) -> None:
    for machine in template.of("AWS::StepFunctions::StateMachine").values():
        properties = machine["Properties"]
        assert properties["StateMachineType"] == "STANDARD"
        assert properties["TracingConfiguration"] == {"Enabled": True}
        assert properties["LoggingConfiguration"]["IncludeExecutionData"] is False


def test_functions_outlast_nothing_that_waits_for_them(template: Template) -> None:
    """A task of a state machine gives up after 60 seconds; a function that runs on would work for nobody."""
    for function in template.of("AWS::Lambda::Function").values():
        assert function["Properties"]["Timeout"] <= 60
        assert function["Properties"]["Architectures"] == ["arm64"]
        assert function["Properties"]["TracingConfig"] == {"Mode": "Active"}


def test_every_alarm_has_its_runbook(template: Template) -> None:
    named = set()
    for alarm in template.of("AWS::CloudWatch::Alarm").values():
        (runbook,) = re.findall(r"docs/runbooks/([a-z-]+)\.md", alarm["Properties"]["AlarmDescription"])
        assert (RUNBOOKS / f"{runbook}.md").is_file(), runbook
        assert alarm["Properties"]["AlarmActions"]
        named.add(runbook)
    assert named == {path.stem for path in RUNBOOKS.glob("*.md")} - {"README"}


@pytest.mark.parametrize(
    ("handler", "counting"),
    [
        ("abandon_launch", 'count("BreakerOpened", group=group)'),
        ("hold_instance", 'count("InstancesHeld")'),
        ("decide_step", 'count("HumansCalled")'),
    ],
)
def test_what_rings_is_counted(handler: str, counting: str) -> None:
    assert alarms.METRICS == {"namespace": observability.NAMESPACE, "service": observability.SERVICE}
    assert counting in (Path(observability.__file__).parent / "handlers" / f"{handler}.py").read_text("utf-8")
    name, _, dimension = counting.removeprefix('count("').removesuffix(")").partition('"')
    metric = alarms.counted(name, **({"group": "servers"} if dimension else {}))
    assert metric.metric_name == name
