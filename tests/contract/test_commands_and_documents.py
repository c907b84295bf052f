"""Every command that the planners can make against the document that it names, and every time limit against the next.

document's timeoutSeconds = component's seconds < the task's answer_within < the task's hook
"""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from cdk_app import document_source
from lambdas.domain import names
from lambdas.domain.artifacts import Manifest
from lambdas.domain.commands import Command
from lambdas.domain.components import COMPONENTS
from lambdas.domain.config import ClusterConfig
from lambdas.domain.delivery import Delivery
from lambdas.domain.formation import formation_scope
from lambdas.domain.introduction import hand_on
from lambdas.domain.membership.decision import ORDER, Step
from lambdas.domain.node import Node
from lambdas.domain.phases import Phase
from lambdas.domain.plans.joining import plan_formation, plan_install, plan_introduction, plan_membership
from lambdas.domain.plans.leaving import plan_drain, plan_leave, plan_observation, plan_purge, plan_step
from lambdas.domain.plans.plan import Plan
from lambdas.domain.plans.renewing import plan_renewal, plan_request, plan_rotation, plan_unsealing
from lambdas.domain.plans.site import Site
from lambdas.domain.rotation import STAGES
from tests.builders import a_config, a_node

ROOT = Path(__file__).parents[2]
DOCUMENTS = ROOT / "ssm_documents"
MACHINES = ROOT / "cdk_app" / "state_machines"

LAYOUTS: dict[str, dict[str, Any]] = {
    "together": {},
    "apart": {
        "server_groups": [{"name": product, "serves": [product], "size": 3} for product in ("consul", "vault", "nomad")]
    },
    "in pairs": {
        "server_groups": [
            {"name": "control", "serves": ["consul", "nomad"], "size": 3},
            {"name": "keys", "serves": ["vault"], "size": 5},
        ],
        "client_pools": [
            {"name": "every-driver", "drivers": ["docker", "exec", "raw_exec"]},
            {"name": "no-docker", "drivers": ["exec"]},
        ],
    },
    "by shares": {"vault": {"seal": "shamir"}},
    "on ubuntu": {"system": "ubuntu_24_04", "region": "ap-southeast-2"},
    "on amazon linux": {"system": "amazon_linux_2023"},
}

VERSIONS = {"docker": "5:29.1.3-1~debian.12~bookworm+really", "prerequisites": "1.7.1-3+deb12u1", "pause": "3.10.1"}
"""As distributions spell them: epochs, tildes and plus signs are part of a version."""


def manifest_of(config: ClusterConfig) -> Manifest:
    """Every artifact, named and versioned the way that the mirror does."""
    of = {f"{name}_linux_{config.architecture}": version for name, version in config.versions.model_dump().items()}
    for packages in ("docker", "prerequisites"):
        of[f"{packages}_{config.system}_{config.architecture}"] = VERSIONS[packages]
    of[f"pause_image_{config.architecture}"] = VERSIONS["pause"]
    entries = {
        # The mirror puts a digest into the key of what it packs, so a key never has a version's odd characters.
        name: {"key": f"artifacts/{name}_0123456789abcdef.tar", "sha256": "0123456789abcdef" * 4, "version": version}
        for name, version in of.items()
    }
    return Manifest.model_validate({"artifacts": entries})


def without_packages(manifest: Manifest) -> Manifest:
    kept = {name: one for name, one in manifest.artifacts.items() if not name.startswith(("prerequisites", "docker"))}
    return Manifest(artifacts=kept)


def plans(config: ClusterConfig) -> Iterator[Plan]:
    """Everything that a cluster of this layout ever does."""
    site = Site(
        config,
        names.bucket(config.name, "123456789012", config.region),
        "1234abcd-12ab-34cd-56ef-1234567890ab",
        "quorate-demo-Records4A3B2C1D-1XYZ_abc.2",
    )
    number = 0
    members: list[tuple[Node, Delivery]] = []
    for group in config.groups:
        for _ in range(getattr(group, "size", 1)):
            number += 1
            node = a_node(number, group=group.name, config=config)
            sha256 = "fedcba9876543210" * 4
            certificate = Delivery(key=f"nodes/{node.instance_id}/ca/{sha256}.json", sha256=sha256)
            scope = "arn:aws:states:eu-west-1:123456789012:execution:quorate-demo-node_launch:1-2_3"
            for manifest in (manifest_of(config), without_packages(manifest_of(config))):
                yield plan_install(site, node, manifest, scope)
            yield plan_membership(site, node, certificate, "joiner", scope)
            yield plan_membership(site, node, certificate, "founder", scope)
            yield plan_leave(site, node, scope)
            yield plan_request(site, node, scope)
            yield plan_renewal(site, node, certificate, scope)
            if node.kind == "server":
                members.append((node, certificate))
                yield from steps(site, node, scope)
            else:
                yield plan_drain(site, [member for member, _ in members], node, 86_400, scope)
                server = next(member for member, _ in members if "nomad" in member.serves)
                introduction = plan_introduction(site, server, node, "-----BEGIN CERTIFICATE-----", scope)
                yield introduction
                yield start_with_introduction(site, node, certificate, introduction, scope)
            yield from rotations(site, node, scope)
            yield plan_purge(site, [member for member, _ in members], node.instance_id, node, scope)
    yield plan_observation(site, [node for node, _ in members], scope)
    if config.vault.seal == "shamir":
        yield plan_unsealing(site, [node for node, _ in members], scope)
    yield plan_formation(site, members, generation=12, scope=formation_scope(config.name, 12))


def start_with_introduction(site: Site, client: Node, certificate: Delivery, introduction: Plan, scope: str) -> Plan:
    """As `plan_start` hands it on, as long as it may be."""
    start = plan_membership(site, client, certificate, "joiner", scope).commands[Phase.START]
    printed = {"introduction": "Aa+/" * 2000 + "=="}
    results = [{**one.model_dump(), "result": printed} for one in introduction.commands[Phase.INTRODUCE]]
    return Plan({Phase.START: tuple(hand_on(start, results))})


def steps(site: Site, node: Node, scope: str) -> Iterator[Plan]:
    """Every change of a goodbye, of an instance and of a peer that is nobody's."""
    raft_id = {"vault": node.instance_id}
    for product in ORDER:
        for phase in (Phase.HAND_OVER, Phase.LEAVE, Phase.REMOVE):
            for subject in (node.instance_id, f"peer:{product}:4c3a0b0e-0000-4000-8000-000000000001"):
                peer = raft_id.get(product, "4c3a0b0e-0000-4000-8000-000000000001")
                if product in node.serves:
                    yield plan_step(
                        site, node, Step(product, phase, node.instance_id, peer, subject, 7, 1), 10**9, scope
                    )


def rotations(site: Site, node: Node, scope: str) -> Iterator[Plan]:
    """Every stage of every rotation."""
    for stages in STAGES.values():
        for stage in stages:
            if stage.product in node.serves or (stage.phase is Phase.ADOPT and node.kind == "client"):
                fencing = 10**9 if node.serves else 0
                yield plan_rotation(site, [node], stage, 10**6, [node.instance_id], fencing, scope)


def commands() -> Iterator[tuple[str, Command]]:
    for layout, changes in LAYOUTS.items():
        for plan in plans(a_config(**changes)):
            for of_phase in plan.commands.values():
                for command in of_phase:
                    yield layout, command


@cache
def document(component: str, phase: str) -> dict[str, Any]:
    return document_source.load(DOCUMENTS, component, phase)


def declared() -> set[tuple[str, str]]:
    return {(component.name, phase.value) for component in COMPONENTS for phase in component.phases}


def test_every_phase_of_every_component_has_a_document_and_every_document_a_phase() -> None:
    assert set(document_source.documents(DOCUMENTS)) == declared()


def test_every_document_is_sent_by_some_plan() -> None:
    assert {(command.component, command.phase) for _, command in commands()} == declared()


def test_every_command_gives_its_document_exactly_what_it_declares_in_the_form_that_it_accepts() -> None:
    seen = 0
    for layout, command in commands():
        what = f"{layout}: {command.component} {command.phase}"
        parameters = document(command.component, command.phase)["parameters"]
        assert set(command.parameters) == set(parameters), what
        for name, value in command.parameters.items():
            pattern = parameters[name]["allowedPattern"]
            assert re.fullmatch(pattern, value), f"{what}: {name} {value!r} is not {pattern}"
            allowed = parameters[name].get("allowedValues", [value])
            assert value in allowed, f"{what}: {name} {value!r} is not of {allowed}"
        assert command.document == names.document("demo", command.component, command.phase)
        seen += 1
    assert seen > 200


@pytest.mark.parametrize("component", COMPONENTS, ids=lambda component: component.name)
def test_the_table_and_the_document_give_a_script_the_same_time(component: Any) -> None:
    for phase, seconds in component.phases.items():
        [step] = document(component.name, phase.value)["mainSteps"]
        assert int(step["inputs"]["timeoutSeconds"]) == seconds, f"{component.name} {phase}"


def test_a_task_waits_longer_than_delivery_and_script_and_a_hook_longer_than_a_task() -> None:
    from cdk_app.node_group import HEARTBEAT_SECONDS
    from lambdas.domain.commands import DELIVERY_SECONDS

    for _, command in commands():
        assert command.answer_within_seconds > DELIVERY_SECONDS + command.timeout_seconds
    waits = {
        phase: max(command.answer_within_seconds for _, command in commands() if command.phase == phase)
        for phase in Phase
    }
    assert waits[Phase.INSTALL] < HEARTBEAT_SECONDS, "PlanLaunch keeps the hook open before, AwaitFormation after"
    assert waits[Phase.CONFIGURE] + waits[Phase.START] + waits[Phase.VERIFY] < HEARTBEAT_SECONDS
    assert waits[Phase.LEAVE] < HEARTBEAT_SECONDS


def test_a_function_ends_before_the_task_that_calls_it() -> None:
    """A task that gives up first would call again while the function still works."""
    from cdk_app.function_table import FUNCTIONS

    limits = {row.handler: row.timeout_seconds for row in FUNCTIONS}
    for handler, task in tasks():
        if isinstance(task.get("TimeoutSeconds"), int):
            assert limits[handler] < task["TimeoutSeconds"], f"{handler} may take as long as its task"
        else:
            assert limits[handler] < min(command.answer_within_seconds for _, command in commands())


def tasks() -> Iterator[tuple[str, dict[str, Any]]]:
    """(handler, state) of every task of every machine."""

    def states(machine: dict[str, Any]) -> Iterator[dict[str, Any]]:
        for state in machine["States"].values():
            yield state
            if "ItemProcessor" in state:
                yield from states(state["ItemProcessor"])

    for file in MACHINES.glob("*.asl.json"):
        for state in states(json.loads(file.read_text())):
            if state["Type"] == "Task":
                [name] = re.findall(r"\$\{(\w+)Arn\}", json.dumps(state["Parameters"]))
                yield re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower(), state


def test_every_alarm_has_a_runbook_and_every_runbook_an_alarm() -> None:
    written = {path.stem for path in (ROOT / "docs" / "runbooks").glob("*.md")}
    rung = set(re.findall(r'Ringing\(\s*"([a-z-]+)"', (ROOT / "cdk_app" / "alarms.py").read_text()))
    assert rung
    assert rung == written - {"README", "index"}


def test_every_phase_that_a_machine_maps_over_is_in_what_its_planner_returns() -> None:
    """`ItemsPath` names a key of a handler's answer; a missing one would fail a launch in the middle."""
    [formation] = [plan for plan in plans(a_config()) if Phase.BOOTSTRAP in plan.commands]
    returned = {
        "$.plan.value.install",  # plan_launch
        "$.turn.value.observe",  # take_turn
        "$.decision.value.commands",  # decide_step
        "$.drain.value.commands",  # drain_client
        *(f"$.farewell.value.{key}" for key in ("leave", "purge")),  # plan_leave
        "$.plan.value.observe",  # plan_sweep
        "$.triage.value.unseal",  # triage
        "$.turn.value.items",  # plan_renewal, whose items have a "request"
        "$.request",
        *(f"$.reload.value.{phase}" for phase in (Phase.CONFIGURE, Phase.RELOAD, Phase.VERIFY)),  # plan_reload
        "$.turn.value.commands",  # plan_rotation
        "$.commands",  # what a Map inside one of these is given
        *(f"$.membership.value.{phase}" for phase in (Phase.CONFIGURE, Phase.VERIFY)),
        "$.starting.value.start",  # plan_start
        *(f"$.plan.value.{phase}" for phase in formation.commands),
    }
    used = {
        path for file in MACHINES.glob("*.asl.json") for path in re.findall(r'"ItemsPath": "([^"]+)"', file.read_text())
    }
    assert used == returned
