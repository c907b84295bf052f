"""Least privilege: a handler may do what it calls, a node what its group needs, and nobody reads what nobody should."""

import ast
from pathlib import Path
from typing import Any

import pytest

from cdk_app.functions import FUNCTIONS, Row
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
        assert not {one for one in allowed if one.startswith("secretsmanager:")}
        assert ("kms:Sign" in allowed) == (handler == "sign_certificate")


def test_no_role_may_do_everything_of_a_service(template: Template) -> None:
    for policy in template.of("AWS::IAM::Policy").values():
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            assert statement["Effect"] == "Allow"
            assert not [action for action in as_list(statement["Action"]) if "*" in action]


def test_roles_carry_no_managed_policy(template: Template) -> None:
    """AWS's own for the agent would let a node read every parameter of the account."""
    for role in template.of("AWS::IAM::Role").values():
        assert "ManagedPolicyArns" not in role["Properties"]


def secrets_with(template: Template, group: str, action: str) -> set[str]:
    """Names of the secrets on which the group's nodes may do `action`."""
    by_id = {name: one["Properties"]["Name"] for name, one in template.of("AWS::SecretsManager::Secret").items()}
    prefix = names.secrets_prefix(template.config.name)
    return {
        by_id[resource["Ref"]].removeprefix(prefix)
        for statement in template.statements(template.role_of_group(group))
        if action in as_list(statement["Action"])
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
        assert written == {name for name in names.SECRET_NAMES if name.split("/")[0] in group.serves}
        assert written <= secrets_with(template, group.name, "secretsmanager:GetSecretValue"), "or it reads no own work"


def test_recovery_keys_are_vaults_alone(template: Template) -> None:
    for group in template.config.groups:
        reads = "vault/recovery-keys" in secrets_with(template, group.name, "secretsmanager:GetSecretValue")
        assert reads == (isinstance(group, ServerGroup) and "vault" in group.serves)


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
        for component in taking_part(node, Phase.CONFIGURE):
            needed = mentioned_secrets(component.renders[Phase.CONFIGURE](template.config, node, SURROUNDINGS).values)
            assert needed <= readable, f"{component.name} on {group.name}"
            seen |= needed
        for component in COMPONENTS:
            if component.product in node.serves and (render := component.renders.get(Phase.BOOTSTRAP)):
                needed = mentioned_secrets(render(template.config, node, SURROUNDINGS).values)
                assert needed <= readable, f"bootstrap of {component.name} on {group.name}"
                seen |= needed
    assert seen >= {"consul/gossip-key", "nomad/gossip-key", "consul/management-token", "vault/recovery-keys"}


def test_only_vault_servers_unseal(template: Template) -> None:
    unseal = key_of(template, "Auto-unseal")
    for group in template.config.groups:
        allowed = {
            action
            for statement in template.statements(template.role_of_group(group.name))
            if {"Fn::GetAtt": [unseal, "Arn"]} in as_list(statement["Resource"])
            for action in as_list(statement["Action"])
        }
        serves_vault = isinstance(group, ServerGroup) and "vault" in group.serves
        assert allowed == ({"kms:Encrypt", "kms:Decrypt", "kms:DescribeKey"} if serves_vault else set())


def key_of(template: Template, description: str) -> str:
    (found,) = (
        name
        for name, key in template.of("AWS::KMS::Key").items()
        if key["Properties"]["Description"].startswith(description)
    )
    return found


def test_the_authority_signs_and_never_leaves(plain: Template) -> None:
    key = plain.of("AWS::KMS::Key")[key_of(plain, "Certificate authority")]["Properties"]
    assert (key["KeySpec"], key["KeyUsage"]) == ("ECC_NIST_P256", "SIGN_VERIFY")


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
