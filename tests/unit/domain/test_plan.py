"""Which commands a node gets, and what they carry."""

import json

import pytest

from lambdas.domain.config import PRODUCTS
from lambdas.domain.errors import NodeFailed
from lambdas.domain.phases import FORMATION_PHASES, NODE_PHASES, Phase
from lambdas.domain.plan import plan_formation, plan_install, plan_leave, plan_membership
from tests.builders import a_manifest, a_node, a_site, an_arrival

SITE = a_site()
CERTIFICATE = an_arrival().certificate
MEMBERS = [(a_node(number), CERTIFICATE) for number in (1, 2, 3)]


def components(plan, phase):
    return [command.component for command in plan.commands[phase]]


def test_a_server_installs_four_components_and_a_client_five() -> None:
    assert components(plan_install(SITE, a_node(), a_manifest(), "s"), Phase.INSTALL) == [
        "ca",
        "consul",
        "vault",
        "nomad",
    ]
    client = components(plan_install(SITE, a_node(group="default"), a_manifest(), "s"), Phase.INSTALL)
    assert sorted(client) == ["ca", "cni", "consul", "docker", "nomad"]


def test_a_version_that_the_bucket_lacks_is_said_before_anything_is_sent() -> None:
    site = a_site(versions={"consul": "9.9.9"})
    with pytest.raises(NodeFailed, match=r"consul 1\.22\.5.*9\.9\.9"):
        plan_install(site, a_node(), a_manifest(), "s")


def test_a_founder_only_verifies_and_a_joiner_does_it_all() -> None:
    founder = plan_membership(SITE, a_node(), CERTIFICATE, "founder", "s")
    assert set(founder.commands) == {Phase.VERIFY}
    joiner = plan_membership(SITE, a_node(4), CERTIFICATE, "joiner", "s")
    assert set(joiner.commands) == {Phase.CONFIGURE, Phase.START, Phase.VERIFY}


def test_only_formation_knows_bootstrap_expect() -> None:
    joining = plan_membership(SITE, a_node(4), CERTIFICATE, "joiner", "s")
    forming = plan_formation(SITE, MEMBERS, generation=1, scope="g1")
    assert not [parcel for parcel in joining.parcels if b"bootstrap_expect" in parcel.body]
    assert len([parcel for parcel in forming.parcels if b"bootstrap_expect" in parcel.body]) == 2 * len(MEMBERS)


def test_seed_phases_run_on_one_server_only() -> None:
    plan = plan_formation(SITE, MEMBERS, generation=1, scope="g1")
    assert set(plan.commands) == set(FORMATION_PHASES)
    for phase in (Phase.SECRETS, Phase.BOOTSTRAP):
        assert len({command.instance_id for command in plan.commands[phase]}) == 1
        assert sorted(components(plan, phase)) == ["consul", "nomad", "vault_init"]
    assert len(plan.commands[Phase.START]) == len(PRODUCTS) * len(MEMBERS)


def test_another_attempt_makes_the_same_commands() -> None:
    """The dispatch key of every command is the same, so another attempt finds what the first one did."""
    keys = [
        sorted(command.dispatch_key for some in plan.commands.values() for command in some)
        for plan in (plan_formation(SITE, order, generation=1, scope="g1") for order in (MEMBERS, MEMBERS[::-1]))
    ]
    assert keys[0] == keys[1]


def test_every_configuration_is_at_the_key_that_its_command_names() -> None:
    plan = plan_formation(SITE, MEMBERS, generation=1, scope="g1")
    keys = {parcel.delivery.key for parcel in plan.parcels} | {CERTIFICATE.key}
    named = [
        command.parameters["ConfigurationKey"]
        for some in plan.commands.values()
        for command in some
        if "ConfigurationKey" in command.parameters
    ]
    assert named
    assert set(named) == keys


def test_no_phase_of_a_node_is_without_commands() -> None:
    for group in ("servers", "default"):
        node = a_node(group=group)
        install = plan_install(SITE, node, a_manifest(), "s")
        member = plan_membership(SITE, node, CERTIFICATE, "joiner", "s")
        assert set(install.commands) | set(member.commands) == set(NODE_PHASES)
        assert all((install.commands | member.commands).values())
        assert components(plan_leave(SITE, node, "s"), Phase.LEAVE)


def test_a_plan_travels_as_json() -> None:
    plan = plan_formation(SITE, MEMBERS, generation=1, scope="g1")
    sent = json.loads(json.dumps(plan.of(Phase.START)))
    assert all(command["answer_within_seconds"] > command["timeout_seconds"] for command in sent)
