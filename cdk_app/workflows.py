"""Step Functions: one state machine for each `state_machines/*.asl.json`."""

import json

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as awslambda
from aws_cdk import aws_stepfunctions as stepfunctions
from constructs import Construct

from cdk_app import state_machine_source
from cdk_app.log_group import log_group
from cdk_app.nag import acknowledge
from lambdas.domain import names


class Workflows(Construct):
    """`machines` by flow."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cluster: str,
        functions: dict[str, awslambda.Function],
        log_key: kms.IKey,
    ) -> None:
        super().__init__(scope, id)
        self._cluster = cluster
        self._functions = functions
        self._log_group = log_group(self, "Log", name=names.workflow_log_group(cluster), key=log_key)
        self.machines = {flow: self._machine(flow) for flow in state_machine_source.flows()}

    def _machine(self, flow: str) -> stepfunctions.StateMachine:
        text = state_machine_source.read(flow)
        handlers = state_machine_source.handlers_of(text, tuple(self._functions))
        arns = {handler: self._functions[handler].function_arn for handler in handlers}
        machine = stepfunctions.StateMachine(
            self,
            flow,
            state_machine_name=names.state_machine(self._cluster, flow),
            state_machine_type=stepfunctions.StateMachineType.STANDARD,  # Express has no task tokens
            definition_body=stepfunctions.DefinitionBody.from_string(compact(text)),
            definition_substitutions={state_machine_source.placeholder(handler): arn for handler, arn in arns.items()},
            tracing_enabled=True,
            logs=stepfunctions.LogOptions(
                destination=self._log_group,
                level=stepfunctions.LogLevel.ERROR,
                include_execution_data=False,  # it holds task tokens
            ),
        )
        machine.add_to_role_policy(
            iam.PolicyStatement(actions=["lambda:InvokeFunction"], resources=list(arns.values()))
        )
        acknowledge(
            machine,
            "AwsSolutions-SF1",
            "Every event is in the execution's own history, for 90 days; the log rings alarms",
        )
        acknowledge(machine, "AwsSolutions-IAM5[Resource::*]", "X-Ray and log deliveries have no resource to name")
        return machine


def compact(text: str) -> str:
    """The definition on one line, as the template carries it: the console writes it out again."""
    return json.dumps(json.loads(text), separators=(",", ":"))
