"""Least privilege: a handler may do what it calls, a node what its group needs, and nobody reads what nobody should."""

import ast
import json
import re
from pathlib import Path
from typing import Any

import pytest

from cdk_app.function_table import FUNCTIONS, Row
from cdk_app.permissions import GRANTS
from lambdas.domain import names
from lambdas.domain.component import Surroundings
from lambdas.domain.components import COMPONENTS, taking_part
from lambdas.domain.config import ServerGroup
from lambdas.domain.phases import Phase
from lambdas.settings import Settings
from tests.builders import a_node
from tests.infrastructure.template import Template, actions, as_list

LAMBDAS = Path(__file__).parents[2] / "lambdas"
HANDLERS = sorted(path.stem for path in (LAMBDAS / "handlers").glob("*.py") if path.stem != "__init__")
SURROUNDINGS = Surroundings(founding=True, certificate="PEM", authority="PEM", kms_key_id="key")
ADAPTERS = {path.stem for path in (LAMBDAS / "aws").glob("*.py")}


def calls_of(handler: str) -> set[str]:
    """`module.function` of all that the handler mentions of `lambdas/aws`, and `once`, which writes records too."""
    tree = ast.parse((LAMBDAS / "handlers" / f"{handler}.py").read_text("utf-8"))
    adapters = {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "lambdas.aws"
        for alias in node.names
    }
    mentioned = {
        f"{node.value.id}.{node.attr}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in adapters
    }
    once = any(isinstance(node, ast.Name) and node.id == "once" for node in ast.walk(tree))
    return mentioned | ({"observability.once"} if once else set())


def test_there_is_a_row_for_each_handler() -> None:
    assert [row.handler for row in FUNCTIONS] == HANDLERS


@pytest.mark.parametrize("row", FUNCTIONS, ids=lambda row: row.handler)
def test_a_row_names_what_its_handler_calls(row: Row) -> None:
    assert set(row.calls) == calls_of(row.handler)


def test_every_grant_is_for_something_that_exists_and_is_used() -> None:
    assert {call for row in FUNCTIONS for call in row.calls} == set(GRANTS)
    for call in GRANTS:
        module, function = call.split(".")
        if module == "observability":
            continue
        assert module in ADAPTERS
        defined = ast.parse((LAMBDAS / "aws" / f"{module}.py").read_text("utf-8")).body
        assert function in {one.name for one in defined if isinstance(one, (ast.FunctionDef, ast.ClassDef))}


def test_no_function_reads_a_secret_or_unseals(plain: Template) -> None:
    for handler in HANDLERS:
        allowed = actions(plain.statements(plain.role_of_function(handler)))
        assert allowed
        of_secrets = {one for one in allowed if one.startswith("secretsmanager:")}
        assert of_secrets <= {"secretsmanager:TagResource", "secretsmanager:UntagResource"}
        assert ("kms:Sign" in allowed) == (handler == "sign_certificate")


def test_no_role_may_do_everything_of_a_service(template: Template) -> None:
    for policy in template.of("AWS::IAM::Policy").values():
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            assert statement["Effect"] == "Allow"
            assert not [action for action in as_list(statement["Action"]) if "*" in action]


ANSWERING = {
    "await_formation": {("SendTaskSuccess", "node_launch")},
    "complete_formation": {("SendTaskSuccess", "node_launch")},
    "fail_formation": {("SendTaskFailure", "node_launch")},
}
"""What waits for formation are launches; every other answer is a command's, whose task may be of any machine."""


def test_functions_answer_the_machines_whose_tasks_they_hold(plain: Template) -> None:
    machines = {one["Properties"]["StateMachineName"] for one in plain.of("AWS::StepFunctions::StateMachine").values()}
    flows = {name.removeprefix("quorate-plain-") for name in machines}
    commands = {(verb, flow) for verb in ("SendTaskSuccess", "SendTaskFailure") for flow in flows}
    for handler in HANDLERS:
        answers = {
            (action.removeprefix("states:"), json.dumps(resource).rsplit("quorate-plain-", 1)[1].strip('"]} '))
            for statement in plain.statements(plain.role_of_function(handler))
            for action in as_list(statement["Action"])
            if action.startswith("states:SendTask")
            for resource in as_list(statement["Resource"])
        }
        assert answers in (ANSWERING.get(handler, set()), commands), handler


STARTING = {
    "await_formation": {"form_cluster"},
    "check_certificates": {"renew_certificates"},
    "triage": {"node_launch", "node_terminate", "rotate_secrets"},
}


def test_functions_start_the_machines_that_are_theirs_to_start(plain: Template) -> None:
    for handler in HANDLERS:
        started = {
            json.dumps(resource).rsplit("quorate-plain-", 1)[1].strip('"]} ')
            for statement in plain.statements(plain.role_of_function(handler))
            for action in as_list(statement["Action"])
            if action == "states:StartExecution"
            for resource in as_list(statement["Resource"])
        }
        assert started == STARTING.get(handler, set()), handler


NAMING_NOTHING = {
    # EC2, Auto Scaling: what describes names no resource.
    "ec2:DescribeInstances",
    "autoscaling:DescribeAutoScalingGroups",
    "autoscaling:DescribeAutoScalingInstances",
    # Systems Manager: an invocation has no ARN, and the agent's own calls have none either.
    "ssm:DescribeInstanceInformation",
    "ssm:GetCommandInvocation",
    "ssm:UpdateInstanceInformation",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
    "ec2messages:AcknowledgeMessage",
    "ec2messages:DeleteMessage",
    "ec2messages:FailMessage",
    "ec2messages:GetEndpoint",
    "ec2messages:GetMessages",
    "ec2messages:SendReply",
    # X-Ray takes traces of whoever may send any.
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
    # CloudWatch Logs: a delivery belongs to the account (Step Functions guide, "Logging using CloudWatch Logs").
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
}
"""Actions that support neither a resource nor a condition on its tags: Service Authorization Reference, the service's
table "Actions", where the column "Resource types" is empty."""


def test_all_resources_are_meant_only_where_aws_takes_nothing_else(template: Template) -> None:
    for name, policy in template.of("AWS::IAM::Policy").items():
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            if "*" in as_list(statement["Resource"]):
                assert set(as_list(statement["Action"])) <= NAMING_NOTHING, name


def test_policies_mean_the_resources_of_this_cluster(template: Template) -> None:
    """A resource that is written out has the cluster's name in it; instances come and go, and have its tag instead."""
    of_cluster = re.compile(rf"quorate[-/]{template.config.name}[-/:]")
    for name, policy in template.of("AWS::IAM::Policy").items():
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            for resource in as_list(statement["Resource"]):
                written = json.dumps(resource)
                if resource == "*" or not set(resource) & {"Fn::Join"} or '"Ref": "Cluster' in written:
                    continue
                if '"Fn::GetAtt": ["Cluster' in written or of_cluster.search(written.replace('"', ":")):
                    continue
                assert ":instance/*" in written, (name, written)
                assert statement["Condition"] == {
                    "StringEquals": {"ssm:resourceTag/quorate:cluster": template.config.name}
                }


def test_roles_carry_no_managed_policy(template: Template) -> None:
    """AWS's own for the agent would let a node read every parameter of the account."""
    for role in template.of("AWS::IAM::Role").values():
        assert "ManagedPolicyArns" not in role["Properties"]


def secrets_with(template: Template, group: str, action: str, seed_of: str | None = None) -> set[str]:
    """Names of the secrets on which the group's nodes may do `action`: without a condition, or as a product's seed."""
    condition = seed_of and {"StringEquals": {f"aws:ResourceTag/quorate:seed:{seed_of}": "${ec2:SourceInstanceARN}"}}
    return secrets_of(template, template.role_of_group(group), action, condition)


def secrets_of(template: Template, role: str, action: str, condition: Any = None) -> set[str]:
    by_id = {name: one["Properties"]["Name"] for name, one in template.of("AWS::SecretsManager::Secret").items()}
    prefix = names.secrets_prefix(template.config.name)
    return {
        by_id[resource["Ref"]].removeprefix(prefix)
        for statement in template.statements(role)
        if action in as_list(statement["Action"]) and statement.get("Condition") == condition
        for resource in as_list(statement["Resource"])
    }


def test_clients_read_what_an_agent_starts_with(template: Template) -> None:
    for pool in template.config.client_pools:
        readable = secrets_with(template, pool.name, "secretsmanager:GetSecretValue")
        assert readable == {"consul/gossip-key", *(name for name in names.SECRET_NAMES if name.endswith("-client"))}
        assert not secrets_with(template, pool.name, "secretsmanager:PutSecretValue")


def test_servers_write_the_secrets_of_what_they_serve(template: Template) -> None:
    for group in template.config.server_groups:
        written = secrets_with(template, group.name, "secretsmanager:PutSecretValue")
        # Recovery keys are stored by whoever initialised Vault, the seed still or not: refused, they would be lost.
        unsealed = {*names.SECRET_NAMES} - {*names.SEALED_SECRETS} | {"vault/recovery-keys"}
        assert written == {name for name in unsealed if name.split("/")[0] in group.serves}
        readable = secrets_with(template, group.name, "secretsmanager:GetSecretValue")
        assert written - {"vault/recovery-keys"} <= readable, "or it reads no own work"


SEALED = {
    "consul": {"consul/management-token"},
    "vault": {"vault/recovery-keys"},
    "nomad": {"consul/management-token", "nomad/management-token"},
}


def test_sealed_secrets_are_read_by_seeds_while_their_tag_says_so_and_by_a_break_glass_role(template: Template) -> None:
    for group in template.config.groups:
        for product, sealed in SEALED.items():
            serves = product in served_by(group)
            assert secrets_with(template, group.name, "secretsmanager:GetSecretValue", product) == (
                sealed - {"vault/recovery-keys"} if serves else set()
            )
            assert secrets_with(template, group.name, "secretsmanager:PutSecretValue", product) == (
                {f"{product}/management-token"} if serves and product != "vault" else set()
            )
        readable = secrets_with(template, group.name, "secretsmanager:GetSecretValue")
        assert not readable & set(names.SEALED_SECRETS), group.name
    every = set().union(*SEALED.values())
    assert every == set(names.SEALED_SECRETS)
    assert secrets_of(template, break_glass(template), "secretsmanager:GetSecretValue") == every


def test_no_server_reads_recovery_keys(template: Template) -> None:
    """While one of them is the seed of Vault, it stores them, sees that they are stored, and reads its write test. Key
    shares that unseal Vault are read by all of them."""
    for group in template.config.groups:
        kept = {"vault/recovery-keys"} if "vault" in served_by(group) else set()
        assert secrets_with(template, group.name, "secretsmanager:DescribeSecret", "vault") == kept
        reading = [
            statement["Condition"]["StringEquals"]
            for statement in template.statements(template.role_of_group(group.name))
            if "secretsmanager:VersionStage" in str(statement.get("Condition"))
        ]
        seed = {"aws:ResourceTag/quorate:seed:vault": "${ec2:SourceInstanceARN}"}
        probe = seed | {"secretsmanager:VersionStage": "QUORATE_PROBE"}
        shares = template.config.vault.seal == "shamir"
        current = [{"secretsmanager:VersionStage": "AWSCURRENT"}] if shares else []
        assert sorted(reading, key=str) == (sorted([*current, probe], key=str) if kept else [])


def break_glass(template: Template) -> str:
    [role] = [name for name in template.of("AWS::IAM::Role") if "BreakGlass" in name]
    return role


def test_no_role_of_ours_may_assume_another_and_people_alone_may_assume_the_break_glass_role(
    template: Template,
) -> None:
    for role in template.of("AWS::IAM::Role"):
        assert not {one for one in actions(template.statements(role)) if one.startswith(("sts:", "iam:"))}, role
    [trust] = template.of("AWS::IAM::Role")[break_glass(template)]["Properties"]["AssumeRolePolicyDocument"][
        "Statement"
    ]
    assert trust["Action"] == "sts:AssumeRole"
    assert set(trust["Principal"]) == {"AWS"}, "a person's session, and no service"


def test_the_recovery_key_is_used_by_vaults_servers_and_the_break_glass_role_alone(template: Template) -> None:
    """Its policy does not hand its use to the account's policies, as a key's usual policy does."""
    key = template.of("AWS::KMS::Key")[key_of(template, "Vault's recovery keys")]["Properties"]["KeyPolicy"]
    keeping, *using = key["Statement"]
    looking_after = {"kms:ListGrants", "kms:ListRetirableGrants", "kms:RevokeGrant"}
    uses = [one for one in as_list(keeping["Action"]) if "crypt" in one or "DataKey" in one or "Grant" in one]
    assert set(uses) == looking_after
    readers = {template.role_of_group(group.name) for group in template.config.groups if "vault" in served_by(group)}
    assert {one["Principal"]["AWS"]["Fn::GetAtt"][0] for one in using} == readers | {break_glass(template)}
    assert all("kms:ViaService" in one["Condition"]["StringEquals"] for one in using)


def served_by(group: Any) -> tuple[str, ...]:
    return group.serves if isinstance(group, ServerGroup) else ()


def test_servers_of_nomad_alone_may_change_its_membership(template: Template) -> None:
    for group in template.config.groups:
        reads = "nomad/membership-token" in secrets_with(template, group.name, "secretsmanager:GetSecretValue")
        assert reads == (isinstance(group, ServerGroup) and "nomad" in group.serves)


def test_servers_read_the_lease_and_no_other_record(template: Template) -> None:
    """The other partitions of the table hold task tokens: whoever has one speaks for a node."""
    for group in template.config.groups:
        touching = [
            statement
            for statement in template.statements(template.role_of_group(group.name))
            if any(action.startswith("dynamodb:") for action in as_list(statement["Action"]))
        ]
        if not isinstance(group, ServerGroup):
            assert touching == []
            continue
        [statement] = touching
        assert as_list(statement["Action"]) == ["dynamodb:GetItem"]
        assert statement["Condition"] == {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": ["lease"]}}


def mentioned_secrets(value: Any) -> set[str]:
    """Every name of a secret anywhere in the values that a script is given."""
    if isinstance(value, str):
        return {value} & set(names.SECRET_NAMES)
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, (list, tuple)) else ()
    return set().union(*map(mentioned_secrets, inner))


def test_nodes_may_read_the_secrets_that_their_configuration_names(template: Template) -> None:
    """Held against what the domain renders: a secret that a script is told of and may not read ends the launch."""
    seen: set[str] = set()
    for group in template.config.groups:
        node = a_node(group=group.name, config=template.config)
        readable = secrets_with(template, group.name, "secretsmanager:GetSecretValue")
        as_seed = {
            secret
            for product in served_by(group)
            for secret in secrets_with(template, group.name, "secretsmanager:GetSecretValue", product)
        }
        for component in taking_part(node, Phase.CONFIGURE):
            needed = mentioned_secrets(component.renders[Phase.CONFIGURE](template.config, node, SURROUNDINGS).values)
            assert needed <= readable, f"{component.name} on {group.name}"
            seen |= needed
        for component in COMPONENTS:
            if component.product in node.serves and (render := component.renders.get(Phase.BOOTSTRAP)):
                needed = mentioned_secrets(render(template.config, node, SURROUNDINGS).values)
                assert needed <= readable | as_seed, f"bootstrap of {component.name} on {group.name}"
                seen |= needed
    assert seen >= {"consul/gossip-key", "nomad/gossip-key", "consul/management-token"}


def test_only_vault_servers_unseal(template: Template) -> None:
    unseal = key_of(template, "Auto-unseal")
    for group in template.config.groups:
        allowed = {
            action
            for statement in template.statements(template.role_of_group(group.name))
            if {"Fn::GetAtt": [unseal, "Arn"]} in as_list(statement["Resource"])
            for action in as_list(statement["Action"])
        }
        by_kms = "vault" in served_by(group) and template.config.vault.seal == "awskms"
        assert allowed == ({"kms:Encrypt", "kms:Decrypt", "kms:DescribeKey"} if by_kms else set())


def key_of(template: Template, description: str) -> str:
    (found,) = (
        name
        for name, key in template.of("AWS::KMS::Key").items()
        if key["Properties"]["Description"].startswith(description)
    )
    return found


def test_logs_are_kept_under_a_key_of_the_clusters(template: Template) -> None:
    """And CloudWatch Logs uses that key for groups of these names alone."""
    data = key_of(template, "Secrets, records and logs")
    for name, group in template.of("AWS::Logs::LogGroup").items():
        assert group["Properties"]["KmsKeyId"] == {"Fn::GetAtt": [data, "Arn"]}, name
    policy = template.of("AWS::KMS::Key")[data]["Properties"]["KeyPolicy"]["Statement"]
    [of_logs] = [one for one in policy if "Service" in one["Principal"]]
    assert of_logs["Principal"]["Service"] == f"logs.{template.config.region}.amazonaws.com"
    meant = json.dumps(of_logs["Condition"]["ArnLike"]["kms:EncryptionContext:aws:logs:arn"])
    for group in template.of("AWS::Logs::LogGroup").values():
        name = group["Properties"]["LogGroupName"]
        assert f"{name}" in meant or f"{name.rsplit('/', 1)[0]}/*" in meant


def test_the_authority_and_its_standby_sign_and_never_leave(plain: Template) -> None:
    ids = [key_of(plain, f"Certificate authority {generation}") for generation in (1, 2)]
    for id in ids:
        key = plain.of("AWS::KMS::Key")[id]["Properties"]
        assert (key["KeySpec"], key["KeyUsage"]) == ("ECC_NIST_P256", "SIGN_VERIFY")
    signing = [
        as_list(statement["Resource"])
        for statement in plain.statements(plain.role_of_function("sign_certificate"))
        if "kms:Sign" in as_list(statement["Action"])
    ]
    assert signing == [[{"Fn::GetAtt": [id, "Arn"]} for id in ids]]


def test_secrets_are_made_empty(template: Template) -> None:
    secrets = template.of("AWS::SecretsManager::Secret")
    prefix = names.secrets_prefix(template.config.name)
    assert {one["Properties"]["Name"] for one in secrets.values()} == {prefix + name for name in names.SECRET_NAMES}
    for secret in secrets.values():
        assert not {"SecretString", "GenerateSecretString"} & set(secret["Properties"])
        assert secret["DeletionPolicy"] == "RetainExceptOnCreate"


def test_settings_are_what_the_functions_ask_for(template: Template) -> None:
    for function in template.of("AWS::Lambda::Function").values():
        given: dict[str, Any] = function["Properties"]["Environment"]["Variables"]
        settings = Settings.from_environment({name: str(value) for name, value in given.items()})
        assert settings.cluster_name == template.config.name
        machine = f"stateMachine:{names.state_machine(template.config.name, 'form_cluster')}"
        assert machine in settings.form_cluster_arn
