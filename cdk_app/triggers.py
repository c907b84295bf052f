"""Events that start something: lifecycle actions of our groups, ends of commands and formations, the clock."""

from typing import Any

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_lambda as awslambda
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as stepfunctions
from constructs import Construct

from cdk_app.limits import check_pattern
from cdk_app.node_group import HEARTBEAT_SECONDS
from lambdas.domain import names
from lambdas.domain.components import COMPONENTS
from lambdas.domain.config import ClusterConfig

SWEEP_MINUTES = 5
"""What nobody looks after waits no longer than this for the sweep: about 9,000 executions a month, which cost $5."""

DELIVERY_ATTEMPTS = 20
"""EventBridge backs off between them; what is older than a hook's heartbeat would answer nobody."""


class Triggers(Construct):
    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        config: ClusterConfig,
        machines: dict[str, stepfunctions.StateMachine],
        complete_command: awslambda.IFunction,
        fail_formation: awslambda.IFunction,
        dead_letters: sqs.IQueue,
    ) -> None:
        super().__init__(scope, id)
        self._dead_letters = dead_letters
        groups = [names.autoscaling_group(config.name, group.name) for group in config.groups]
        for verb, hook in (("launch", names.LAUNCH_HOOK), ("terminate", names.TERMINATE_HOOK)):
            self._rule(
                verb.capitalize(),
                source="aws.autoscaling",
                detail_type=f"EC2 Instance-{verb} Lifecycle Action",
                detail={"AutoScalingGroupName": groups, "LifecycleHookName": [hook]},
                target=targets.SfnStateMachine(machines[f"node_{verb}"], **self._delivery()),
            )
        documents = [{"prefix": names.document(config.name, component.name, "")} for component in COMPONENTS]
        self._rule(
            "CommandEnded",
            source="aws.ssm",
            detail_type="EC2 Command Invocation Status-change Notification",
            detail={
                "document-name": documents,
                "status": [{"anything-but": ["Pending", "InProgress", "Delayed"]}],
            },
            target=targets.LambdaFunction(complete_command, **self._delivery()),
        )
        # An execution that is stopped or times out runs no Catch: this is how its end gets into the record.
        self._rule(
            "FormationEnded",
            source="aws.states",
            detail_type="Step Functions Execution Status Change",
            detail={
                "stateMachineArn": [machines["form_cluster"].state_machine_arn],
                "status": ["TIMED_OUT", "ABORTED"],
            },
            target=targets.LambdaFunction(
                fail_formation,
                event=events.RuleTargetInput.from_object(
                    {
                        "execution": events.EventField.from_path("$.detail.executionArn"),
                        "failure": {
                            "Error": events.EventField.from_path("$.detail.status"),
                            "Cause": f"its execution ended as {events.EventField.from_path('$.detail.status')}",
                        },
                    }
                ),
                **self._delivery(),
            ),
        )

        self._sweep(config, machines["sweep"])

    def _sweep(self, config: ClusterConfig, machine: stepfunctions.StateMachine) -> None:
        """By the clock, and when the end of a server may have left a peer behind; clients hold no vote."""
        servers = [names.autoscaling_group(config.name, group.name) for group in config.server_groups]
        target = targets.SfnStateMachine(machine, **self._delivery())
        clock = events.Schedule.rate(Duration.minutes(SWEEP_MINUTES))
        events.Rule(self, "Sweep", schedule=clock, targets=[target])
        for ended in ("Successful", "Unsuccessful"):
            self._rule(
                f"Terminate{ended}",
                source="aws.autoscaling",
                detail_type=f"EC2 Instance Terminate {ended}",
                detail={"AutoScalingGroupName": servers},
                target=targets.SfnStateMachine(machine, **self._delivery()),
            )

    def _rule(
        self, id: str, *, source: str, detail_type: str, detail: dict[str, Any], target: events.IRuleTarget
    ) -> None:
        check_pattern(id, {"source": [source], "detail-type": [detail_type], "detail": detail})
        pattern = events.EventPattern(source=[source], detail_type=[detail_type], detail=detail)
        events.Rule(self, id, event_pattern=pattern, targets=[target])

    def _delivery(self) -> dict[str, Any]:
        return {
            "dead_letter_queue": self._dead_letters,
            "retry_attempts": DELIVERY_ATTEMPTS,
            "max_event_age": Duration.seconds(HEARTBEAT_SECONDS),
        }
