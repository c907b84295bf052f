"""What each function of `lambdas/aws` needs to be allowed: a handler gets what it calls, and nothing else.

`tests/infrastructure` reads the handlers and holds their calls against `function_table.FUNCTIONS`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from aws_cdk import ArnFormat, Stack
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdk_app.keys import Keys
from cdk_app.secrets import Secrets
from cdk_app.state_machine_source import flows
from cdk_app.storage import Storage
from lambdas.domain import names
from lambdas.domain.artifacts import MANIFEST_KEY
from lambdas.domain.authorities import standby_of, trusted
from lambdas.domain.components import COMPONENTS
from lambdas.domain.config import ClusterConfig

FORMATION_FLOW = "form_cluster"
LAUNCH_FLOW, TERMINATE_FLOW = "node_launch", "node_terminate"
RENEWAL_FLOW = "renew_certificates"
ROTATION_FLOW = "rotate_secrets"


@dataclass(frozen=True)
class Arns:
    """The resources that functions act on, by the names they will have: naming them makes no cycle in the template."""

    cluster: str
    table: str
    data_key: str
    authority_keys: tuple[str, ...]
    """Of the one that signs, and of its standby, whose certificate it signs itself."""
    bucket: str
    sealed: Mapping[str, str]
    """By name: secrets that nobody reads but whom a tag names, and break-glass."""
    config_parameter: str
    ca_parameters: tuple[str, ...]
    documents: tuple[str, ...]
    instances: str
    groups: tuple[str, ...]
    server_groups: tuple[str, ...]
    client_pools: tuple[str, ...]
    machines: tuple[str, ...]
    formation: str
    formation_executions: str
    node_launch: str
    node_terminate: str
    renew_certificates: str
    node_executions: Mapping[str, str]
    """By flow: of what is done for one node."""
    tended: Mapping[str, str]
    """By flow: machines whose executions the sweep starts, where they do not run."""
    rotations: str

    @property
    def deliveries(self) -> str:
        return f"{self.bucket}/nodes/*"

    def wildcards(self) -> Iterator[tuple[str, str]]:
        """Those that name more than one resource, each with the reason."""
        yield self.instances, "Instances come and go; a condition on the cluster's tag says which"
        yield self.deliveries, "A delivery's key is its node and the hash of its content"
        for executions in (self.formation_executions, *self.node_executions.values(), self.rotations):
            yield executions, "An execution is named when it starts; its state machine is exact"
        for group in self.groups:
            yield group, "The id in a group's ARN is known only after its creation; its name is exact"


def arns_of(scope: Construct, config: ClusterConfig, storage: Storage, secrets: Secrets, keys: Keys) -> Arns:
    stack = Stack.of(scope)
    cluster = config.name

    def arn(service: str, resource: str, name: str, separator: str = ":") -> str:
        style = ArnFormat.COLON_RESOURCE_NAME if separator == ":" else ArnFormat.SLASH_RESOURCE_NAME
        return stack.format_arn(service=service, resource=resource, resource_name=name, arn_format=style)

    def parameter(name: str) -> str:
        return arn("ssm", "parameter", name.removeprefix("/"), "/")

    def group(name: str) -> str:
        own = names.autoscaling_group(cluster, name)
        return arn("autoscaling", "autoScalingGroup", f"*:autoScalingGroupName/{own}")

    signed_by = (config.ca_generation, standby_of(config.ca_generation))
    bundle = trusted(config.ca_generation, len(keys.authorities))
    formation = names.state_machine(cluster, FORMATION_FLOW)
    return Arns(
        cluster=cluster,
        table=storage.table.table_arn,
        data_key=keys.data.key_arn,
        authority_keys=tuple(keys.authorities[one].key_arn for one in signed_by),
        bucket=storage.bucket.bucket_arn,
        sealed={name: secrets.arns[name] for name in names.SEALED_SECRETS},
        config_parameter=parameter(names.config_parameter(cluster)),
        ca_parameters=tuple(parameter(names.ca_parameter(cluster, one)) for one in bundle),
        documents=tuple(
            arn("ssm", "document", names.document(cluster, component.name, phase), "/")
            for component in COMPONENTS
            for phase in component.phases
        ),
        instances=arn("ec2", "instance", "*", "/"),
        groups=tuple(group(one.name) for one in config.groups),
        server_groups=tuple(group(one.name) for one in config.server_groups),
        client_pools=tuple(group(one.name) for one in config.client_pools),
        machines=tuple(arn("states", "stateMachine", names.state_machine(cluster, flow)) for flow in flows()),
        formation=arn("states", "stateMachine", formation),
        formation_executions=arn("states", "execution", f"{formation}:*"),
        node_launch=arn("states", "stateMachine", names.state_machine(cluster, LAUNCH_FLOW)),
        node_terminate=arn("states", "stateMachine", names.state_machine(cluster, TERMINATE_FLOW)),
        node_executions={
            flow: arn("states", "execution", f"{names.state_machine(cluster, flow)}:*")
            for flow in (LAUNCH_FLOW, TERMINATE_FLOW, RENEWAL_FLOW)
        },
        renew_certificates=arn("states", "stateMachine", names.state_machine(cluster, RENEWAL_FLOW)),
        tended={
            flow: arn("states", "stateMachine", names.state_machine(cluster, flow))
            for flow in (LAUNCH_FLOW, TERMINATE_FLOW, RENEWAL_FLOW, ROTATION_FLOW)
        },
        rotations=arn("states", "execution", f"{names.state_machine(cluster, ROTATION_FLOW)}:*"),
    )


def of_servers(arns: Arns) -> Arns:
    """For a handler that clients never meet."""
    return replace(arns, groups=arns.server_groups)


def of_clients(arns: Arns) -> Arns:
    return replace(arns, groups=arns.client_pools)


def of_sealed(*secrets: str) -> Callable[[Arns], Arns]:
    """For a handler that opens these alone."""
    return lambda arns: replace(arns, sealed={name: arns.sealed[name] for name in secrets})


def of_executions(flow: str) -> Callable[[Arns], Arns]:
    """For a handler that meets no claim but those of its own flow."""
    return lambda arns: replace(arns, node_executions={flow: arns.node_executions[flow]})


def of_machines(*flows: str) -> Callable[[Arns], Arns]:
    """For a handler that starts executions of these alone."""
    return lambda arns: replace(arns, tended={flow: arns.tended[flow] for flow in flows})


Statements = tuple[iam.PolicyStatement, ...]
Grant = Callable[[Arns], Statements]


def _allow(*actions: str, on: tuple[str, ...] = ("*",), **conditions: dict[str, str]) -> Statements:
    """Nothing where there is nothing to act on: a cluster without client pools."""
    if not on:
        return ()
    return (iam.PolicyStatement(actions=list(actions), resources=list(on), conditions=conditions or None),)


def records(*actions: str) -> Grant:
    """The table, and the key it is encrypted with."""

    def grant(arns: Arns) -> Statements:
        table = _allow(*(f"dynamodb:{action}" for action in actions), on=(arns.table,))
        return table + _allow("kms:Decrypt", "kms:GenerateDataKey", "kms:DescribeKey", on=(arns.data_key,))

    return grant


def _answer_command(arns: Arns) -> Statements:
    """Every machine sends commands."""
    return _allow("states:SendTaskSuccess", "states:SendTaskFailure", on=arns.machines)


def _answer_action(arns: Arns) -> Statements:
    return _allow("autoscaling:CompleteLifecycleAction", on=arns.groups)


def _keep_action_open(arns: Arns) -> Statements:
    return _allow("autoscaling:RecordLifecycleActionHeartbeat", on=arns.groups)


def _send(arns: Arns) -> Statements:
    """Our documents, on our instances: two statements, since Systems Manager asks for both."""
    ours = _allow(
        "ssm:SendCommand", on=(arns.instances,), StringEquals={f"ssm:resourceTag/{names.CLUSTER_TAG}": arns.cluster}
    )
    return _allow("ssm:SendCommand", on=arns.documents) + ours


def _read_command(_: Arns) -> Statements:
    return _allow("ssm:GetCommandInvocation")


def _seal(arns: Arns, action: str) -> Statements:
    """Who may tag a secret says who reads it: these secrets, and these tags of them."""
    tags = sorted({names.seed_tag(product) for products in names.SEALED_SECRETS.values() for product in products})
    return (
        iam.PolicyStatement(
            actions=[action],
            resources=list(arns.sealed.values()),
            conditions={"ForAllValues:StringEquals": {"aws:TagKeys": tags}},
        ),
    )


def _see_node_executions(arns: Arns) -> Statements:
    return _allow("states:DescribeExecution", on=tuple(arns.node_executions.values()))


def _see_rotations(arns: Arns) -> Statements:
    return _allow("states:DescribeExecution", on=(arns.rotations,))


GRANTS: dict[str, Grant] = {
    "answers.answer_if_ended": lambda arns: (
        records("PutItem", "DeleteItem")(arns) + _read_command(arns) + _answer_command(arns)
    ),
    "answers.answer_success": lambda arns: _allow("states:SendTaskSuccess", on=arns.machines),
    "authority.KmsSigner": lambda arns: _allow("kms:GetPublicKey", "kms:Sign", on=arns.authority_keys),
    "authority.keep_certificate": lambda arns: _allow("ssm:PutParameter", "ssm:GetParameter", on=arns.ca_parameters),
    "authority.read_certificate": lambda arns: _allow("ssm:GetParameter", on=arns.ca_parameters),
    "breakers.counted": records("GetItem"),
    "breakers.failed": records("GetItem", "UpdateItem"),
    "breakers.succeeded": records("DeleteItem"),
    "bucket.deliver": lambda arns: _allow(
        "s3:PutObject",
        "s3:PutObjectTagging",
        on=(arns.deliveries,),
        # One for nobody in particular would be read by nobody.
        StringLike={f"s3:RequestObjectTag/{names.NODE_TAG}": arns.instances},
    ),
    "bucket.read_manifest": lambda arns: (
        _allow("s3:GetObject", on=(f"{arns.bucket}/{MANIFEST_KEY}",))
        + _allow("s3:ListBucket", on=(arns.bucket,))  # without it a missing object reads as AccessDenied
    ),
    "certificates.every": records("Query"),
    "certificates.forget": records("DeleteItem"),
    "certificates.write": records("PutItem"),
    "claims.take": lambda arns: records("GetItem", "PutItem")(arns) + _see_node_executions(arns),
    "claims.every": records("Query"),
    "cluster_config.load": lambda arns: _allow("ssm:GetParameter", on=(arns.config_parameter,)),
    "dispatches.find": records("GetItem"),
    "dispatches.overdue": records("Query"),
    "dispatches.under_way": records("Query"),
    "dispatches.record": records("PutItem"),
    "dispatches.wait": records("PutItem"),
    "dispatches.waiting": records("GetItem"),
    "executions.fail_task": lambda arns: _allow("states:SendTaskFailure", on=(arns.node_launch,)),
    "executions.is_running": lambda arns: _allow("states:DescribeExecution", on=(arns.formation_executions,)),
    "executions.running": lambda arns: _allow("states:ListExecutions", on=tuple(arns.tended.values())),
    "executions.start": lambda arns: _allow("states:StartExecution", on=(arns.formation,)),
    "executions.start_for": lambda arns: _allow("states:StartExecution", on=tuple(arns.tended.values())),
    "executions.succeed_task": lambda arns: _allow("states:SendTaskSuccess", on=(arns.node_launch,)),
    "formation_record.arrivals": records("Query"),
    "formation_record.arrive": records("GetItem", "PutItem"),
    "formation_record.claim": records("GetItem", "UpdateItem"),
    "formation_record.conclude": records("UpdateItem"),
    "formation_record.keep_members": records("UpdateItem"),
    "formation_record.leave": records("DeleteItem"),
    "formation_record.read": records("GetItem"),
    "instances.alive": lambda _: _allow("autoscaling:DescribeAutoScalingGroups"),
    "instances.describe": lambda _: _allow("ec2:DescribeInstances"),
    "instances.describe_if_running": lambda _: _allow("ec2:DescribeInstances"),
    "journal.write": records("PutItem"),
    "lease.holds": records("GetItem"),
    "lease.release": records("UpdateItem"),
    "lease.renew": records("UpdateItem"),
    "lease.take": records("UpdateItem"),
    "lifecycle.complete": _answer_action,
    "lifecycle.keep_open": _keep_action_open,
    "lifecycle.every": lambda _: _allow("autoscaling:DescribeAutoScalingGroups"),
    "lifecycle.find": lambda _: _allow("autoscaling:DescribeAutoScalingInstances"),
    "lifecycle.stop_launching": lambda arns: _allow("autoscaling:SuspendProcesses", on=arns.groups),
    "lifecycle.set_unhealthy": lambda arns: _allow("autoscaling:SetInstanceHealth", on=arns.server_groups),
    "lifecycle.terminate_retained": lambda arns: _allow(
        "autoscaling:TerminateInstanceInAutoScalingGroup", on=arns.server_groups
    ),
    "members.every": records("Query"),
    "members.find": records("GetItem"),
    "members.forget": records("DeleteItem"),
    "members.write": records("PutItem"),
    "observability.once": records("GetItem", "PutItem", "UpdateItem", "DeleteItem"),
    "rotation_record.advance": records("UpdateItem"),
    "rotation_record.begin": lambda arns: records("GetItem", "UpdateItem")(arns) + _see_rotations(arns),
    "rotation_record.follow": records("UpdateItem"),
    "rotation_record.go_on": lambda arns: records("GetItem", "UpdateItem")(arns) + _see_rotations(arns),
    "rotation_record.read": records("GetItem"),
    "run_command.agent_is_online": lambda _: _allow("ssm:DescribeInstanceInformation"),
    "run_command.send": _send,
    "seals.close": lambda arns: _seal(arns, "secretsmanager:UntagResource"),
    "seals.open_to": lambda arns: _seal(arns, "secretsmanager:TagResource"),
    "servers.every": lambda _: _allow(
        "autoscaling:DescribeAutoScalingGroups", "ec2:DescribeInstances", "ssm:DescribeInstanceInformation"
    ),
    "servers.find": lambda _: _allow(
        "autoscaling:DescribeAutoScalingGroups", "ec2:DescribeInstances", "ssm:DescribeInstanceInformation"
    ),
    "sweep_record.read": records("GetItem"),
    "sweep_record.write": records("PutItem"),
}
"""By `<module>.<function>` of `lambdas/aws`; `observability.once` writes Powertools' idempotency records."""
