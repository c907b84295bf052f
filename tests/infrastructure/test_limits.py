"""What would break a limit of AWS fails here or in the synth, with words, and not in a deployment."""

import json
from pathlib import Path
from typing import Any

import pytest

from cdk_app import limits, state_machine_source
from lambdas.domain.config import PRODUCTS, ClusterConfig
from lambdas.domain.delivery import Delivery
from lambdas.domain.errors import InvalidConfig
from lambdas.domain.phases import Phase
from lambdas.domain.plans.joining import plan_formation, plan_install, plan_membership
from lambdas.domain.plans.leaving import plan_leave, plan_observation, plan_purge
from lambdas.domain.plans.plan import Plan
from lambdas.domain.plans.renewing import plan_unsealing
from lambdas.domain.renewal import MOST_IN_A_RUN
from lambdas.domain.rotation import BATCH
from tests.builders import a_manifest, a_node, a_site
from tests.infrastructure.template import Template, as_list
from tests.infrastructure.variants import VARIANTS

TEMPLATE_RESOURCES = 500
"""CloudFormation quotas."""
ROLE_POLICIES_CHARACTERS = 10_240
"""IAM quotas: inline policies of a role together, white space not counted."""
ENVIRONMENT_BYTES = 4_096
"""Lambda quotas: all variables of a function."""
HISTORY_EVENTS = 25_000
"""Step Functions quotas: a standard execution fails at this."""


def test_templates_fit(template: Template) -> None:
    for each in (template, template.nested):
        limits.check_template(each.path)
        assert len(each.content["Resources"]) < TEMPLATE_RESOURCES


def test_documents_fit(plain: Template) -> None:
    for name, document in plain.nested.of("AWS::SSM::Document").items():
        assert len(json.dumps(document["Properties"]["Content"])) < 65_536, name


def test_policies_fit(template: Template) -> None:
    for name in template.of("AWS::IAM::Role"):
        size = len(json.dumps(template.statements(name), separators=(",", ":")))
        assert size < ROLE_POLICIES_CHARACTERS, name


def test_environments_fit(template: Template) -> None:
    for function in template.of("AWS::Lambda::Function").values():
        assert len(json.dumps(function["Properties"]["Environment"]["Variables"])) < ENVIRONMENT_BYTES


def test_definitions_fit(plain: Template) -> None:
    for machine in plain.of("AWS::StepFunctions::StateMachine").values():
        assert len(machine["Properties"]["DefinitionString"]) < limits.DEFINITION_BYTES


def test_the_config_parameter_holds_the_cluster_file(template: Template) -> None:
    _, parameter = template.one("AWS::SSM::Parameter")
    assert ClusterConfig.model_validate_json(parameter["Value"]) == template.config
    assert parameter["Tier"] == limits.parameter_tier("/p", parameter["Value"])


@pytest.mark.parametrize(("size", "tier"), [(4096, "Standard"), (4097, "Advanced"), (8192, "Advanced")])
def test_a_parameter_takes_the_cheapest_tier_that_holds_it(size: int, tier: str) -> None:
    assert limits.parameter_tier("/p", "x" * size) == tier


def test_a_cluster_file_that_no_parameter_holds_is_refused() -> None:
    with pytest.raises(InvalidConfig, match=r"takes 8193 bytes as parameter /p, .*: use fewer groups"):
        limits.parameter_tier("/p", "x" * 8193)


def test_a_template_that_cloudformation_does_not_take_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "large.template.json"
    path.write_text("x" * (limits.TEMPLATE_BYTES + 1))
    with pytest.raises(InvalidConfig, match=r"large\.template\.json takes 1000001 bytes"):
        limits.check_template(path)


def test_an_event_pattern_that_no_rule_holds_is_refused() -> None:
    with pytest.raises(InvalidConfig, match="the event pattern of Launch takes"):
        limits.check_pattern("Launch", {"detail": {"AutoScalingGroupName": ["x" * 2048]}})


def the_largest() -> tuple[Any, list[Any]]:
    """A site of three groups of seven servers, and its nodes."""
    site = a_site(**VARIANTS["largest"])
    groups = [group.name for group in site.config.server_groups for _ in range(group.size)]
    return site, [a_node(number, group=group, config=site.config) for number, group in enumerate(groups)]


def commands_of(flow: str) -> dict[str, int]:
    """How many commands each Map of the flow sends at the most."""
    site, servers = the_largest()
    client = a_node(99, group=site.config.client_pools[0].name, config=site.config)
    certificate = Delivery(key="nodes/i-0/ca/0.json", sha256="0" * 64)

    def most(plans: list[Plan]) -> dict[str, int]:
        phases = {phase for plan in plans for phase in plan.commands}
        return {phase.capitalize(): max(len(plan.of(phase)) for plan in plans) for phase in phases}

    nodes = [*servers, client]
    match flow:
        case "form_cluster":
            return most([plan_formation(site, [(node, certificate) for node in servers], generation=1, scope="g1")])
        case "node_launch":
            joining = [plan_membership(site, node, certificate, "joiner", "e") for node in nodes]
            return most([plan_install(site, node, a_manifest(site.config), "e") for node in nodes]) | most(joining)
        case "node_terminate":
            purge = plan_purge(site, servers, client.instance_id, client, "e").of(Phase.REMOVE)
            once = {"Drain": 1, "ChangeMembership": 1, "Purge": len(purge)}
            return most([plan_leave(site, node, "e") for node in nodes] + [plan_observation(site, servers, "e")]) | once
        case "renew_certificates":
            return {"Renew": MOST_IN_A_RUN}
        case "rotate_secrets":
            return {"Run": BATCH}
        case "sweep":
            sealed = plan_unsealing(site, [node for node in servers if "vault" in node.serves], "e").of(Phase.VERIFY)
            return most([plan_observation(site, servers, "e")]) | {"Unseal": len(sealed)}
    raise AssertionError(f"nobody said how many commands {flow} sends")


def events_of(state: dict[str, Any], commands: int) -> int:
    """History events of a state in which everything that may be retried is, as often as it may be.

    A Map inside a Map sends a command for each product, at the most.

    Each state is counted once: how often a goodbye may go round is held in tests/contract/test_state_machines.py.
    """
    entered_and_left = 2
    if state["Type"] == "Map":
        inner = sum(events_of(one, len(PRODUCTS)) for one in state["ItemProcessor"]["States"].values())
        return entered_and_left + 2 + commands * (2 + inner)  # iteration started and ended
    if state["Type"] != "Task":
        return entered_and_left
    attempts = 1 + sum(retry.get("MaxAttempts", 3) for retry in state.get("Retry", ()))
    return entered_and_left + attempts * 4  # scheduled, started, submitted, ended


@pytest.mark.parametrize("flow", state_machine_source.flows())
def test_a_history_holds_the_largest_cluster_at_its_worst(flow: str) -> None:
    definition = json.loads(state_machine_source.read(flow))
    commands = commands_of(flow)
    maps = {name for name, state in definition["States"].items() if state["Type"] == "Map"}
    assert maps <= set(commands)
    events = 2 + sum(events_of(state, commands.get(name, 0)) for name, state in definition["States"].items())
    assert events < HISTORY_EVENTS, f"{flow} could write {events} events"


def test_statements_name_resources_once(template: Template) -> None:
    for name in template.of("AWS::IAM::Role"):
        for statement in template.statements(name):
            resources = [json.dumps(one) for one in as_list(statement["Resource"])]
            assert len(resources) == len(set(resources))
