"""The Lambda functions: one for each row of `function_table`, with a role that may do what its calls need."""

from aws_cdk import Duration
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as awslambda
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk_app import lambda_package
from cdk_app.function_table import FUNCTIONS, Row
from cdk_app.log_group import log_group
from cdk_app.nag import acknowledge, acknowledge_wildcard
from cdk_app.permissions import GRANTS, Arns
from lambdas.domain import names
from lambdas.settings import Settings


class Functions(Construct):
    """`by_handler` has each function under its handler's name."""

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        cluster: str,
        settings: Settings,
        arns: Arns,
        dead_letters: sqs.IQueue,
        log_key: kms.IKey,
    ) -> None:
        super().__init__(scope, id)
        self._cluster = cluster
        self._environment = settings.to_environment() | {"POWERTOOLS_LOG_LEVEL": "INFO"}
        self._arns = arns
        self._dead_letters = dead_letters
        self._code = lambda_package.code()
        self._log_group = log_group(self, "Log", name=names.log_group(cluster, "functions"), key=log_key)
        self.by_handler = {row.handler: self._function(row) for row in FUNCTIONS}
        reason = "X-Ray, Describe* and GetCommandInvocation have no resource to name"
        acknowledge(self, "AwsSolutions-IAM5[Resource::*]", reason)
        for arn, why in arns.wildcards():
            acknowledge_wildcard(self, arn, why)

    def _function(self, row: Row) -> awslambda.Function:
        place = Construct(self, row.handler)
        role = iam.Role(place, "Role", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        for call in row.calls:
            for statement in GRANTS[call](row.narrow(self._arns)):
                role.add_to_policy(statement)
        self._log_group.grant_write(role)
        return awslambda.Function(
            place,
            "Function",
            function_name=names.function(self._cluster, row.handler),
            runtime=awslambda.Runtime.PYTHON_3_14,
            architecture=awslambda.Architecture.ARM_64,
            handler=f"lambdas.handlers.{row.handler}.handler",
            code=self._code,
            role=role,
            timeout=Duration.seconds(row.timeout_seconds),
            memory_size=row.memory_mib,
            environment=self._environment,
            log_group=self._log_group,
            tracing=awslambda.Tracing.ACTIVE,
            dead_letter_queue=self._dead_letters if row.by_event else None,
        )
