"""Which commands a node gets, and what they carry."""

import json

import pytest

from lambdas.domain.config import PRODUCTS
from lambdas.domain.errors import NodeFailed
from lambdas.domain.membership.decision import Step
from lambdas.domain.phases import FORMATION_PHASES, NODE_PHASES, Phase
from lambdas.domain.plans.joining import plan_formation, plan_install, plan_membership
from lambdas.domain.plans.leaving import plan_drain, plan_leave, plan_observation, plan_purge, plan_step
from tests.builders import a_config, a_manifest, a_node, a_site, an_arrival

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


def test_what_the_bucket_lacks_for_a_system_is_left_to_the_system() -> None:
    node, manifest = a_node(group="default"), a_manifest()
    given = {one.component: one.parameters for one in plan_install(SITE, node, manifest, "s").commands[Phase.INSTALL]}
    assert given["docker"]["PackagesKey"] == f"artifacts/docker_{node.system}_{node.architecture}"
    assert given["docker"]["PrerequisitesKey"] == f"artifacts/prerequisites_{node.system}_{node.architecture}"
    other = node.model_copy(update={"system": "amazon_linux_2023"})
    given = {one.component: one.parameters for one in plan_install(SITE, other, manifest, "s").commands[Phase.INSTALL]}
    assert {parameters["PrerequisitesKey"] for parameters in given.values()} == {"-"}
    assert (given["docker"]["PackagesKey"], given["docker"]["PackagesSha256"]) == ("-", "-")
    assert given["docker"]["ImageKey"] == f"artifacts/pause_image_{node.architecture}"


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
        assert sorted(components(plan, phase)) == [
            "consul",
            "nomad",
            "vault_init",
            *(["vault_workloads"] if phase is Phase.BOOTSTRAP else []),
        ]
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


APART = [{"name": product, "serves": [product]} for product in PRODUCTS]


def a_step(phase: Phase, *, subject: str = a_node(2).instance_id, on: str = a_node(1).instance_id) -> Step:
    return Step("nomad", phase, on, "raft-id", subject, fewest_voters=3, spare_voters=1)


def test_every_server_is_asked_once_about_all_that_it_serves() -> None:
    asked = plan_observation(SITE, [a_node(1), a_node(2)], "s").commands[Phase.OBSERVE]
    assert [(one.instance_id, one.parameters["Serves"]) for one in asked] == [
        (a_node(number).instance_id, "consul,vault,nomad") for number in (1, 2)
    ]
    server = a_node(group="vault", config=a_config(server_groups=APART))
    [command] = plan_observation(a_site(server_groups=APART), [server], "s").commands[Phase.OBSERVE]
    assert (command.component, command.parameters["Serves"]) == ("node", "vault")


def test_a_step_tells_its_script_all_that_it_must_see_for_itself() -> None:
    [command] = plan_step(SITE, a_node(1), a_step(Phase.REMOVE), 12, "e#12").commands[Phase.REMOVE]
    assert (command.instance_id, command.component, command.scope) == (a_node(1).instance_id, "nomad", "e#12")
    assert {
        name: value for name, value in command.parameters.items() if name not in ("Cluster", "Region", "Bucket")
    } == {
        "SecretsPrefix": "quorate/demo/",
        "Kind": "server",
        "Fencing": "12",
        "LeaseTable": "quorate-demo-records",
        "PeerId": "raft-id",
        "Subject": a_node(2).instance_id,
        "FewestVoters": "3",
        "SpareVoters": "1",
    }


def test_an_orphan_is_no_instance() -> None:
    step = a_step(Phase.REMOVE, subject="peer:nomad:raft-id")
    [command] = plan_step(SITE, a_node(1), step, 12, "s").commands[Phase.REMOVE]
    assert command.parameters["Subject"] == "-"


def test_a_step_goes_to_its_own_server_only() -> None:
    with pytest.raises(ValueError, match="not for"):
        plan_step(SITE, a_node(3), a_step(Phase.LEAVE), 12, "s")
    config = a_config(server_groups=APART)
    with pytest.raises(ValueError, match="leave of nomad"):
        plan_step(a_site(server_groups=APART), a_node(1, group="vault", config=config), a_step(Phase.LEAVE), 12, "s")


def test_the_same_step_of_another_turn_is_another_command() -> None:
    keys = [
        plan_step(SITE, a_node(1), a_step(Phase.REMOVE), fencing, f"e#{fencing}").commands[Phase.REMOVE][0].dispatch_key
        for fencing in (12, 13)
    ]
    assert keys[0] != keys[1]


def test_a_node_leaves_what_it_is_a_client_of() -> None:
    config = a_config(server_groups=APART)
    site = a_site(server_groups=APART)
    left = {
        group: components(plan_leave(site, a_node(group=group, config=config), "s"), Phase.LEAVE)
        for group in ("default", "vault", "consul")
    }
    assert left == {"default": ["consul", "nomad"], "vault": ["consul"], "consul": []}
    assert components(plan_leave(SITE, a_node(), "s"), Phase.LEAVE) == []


def test_a_client_is_purged_by_the_first_server_of_each_product() -> None:
    config = a_config(server_groups=APART)
    nomad, consul = (a_node(number, group=group, config=config) for number, group in ((1, "nomad"), (2, "consul")))
    client = a_node(9, group="default", config=config)
    plan = plan_purge(a_site(server_groups=APART), [nomad, consul], client.instance_id, client, "s")
    assert [(one.component, one.instance_id) for one in plan.commands[Phase.REMOVE]] == [
        ("consul", consul.instance_id),
        ("nomad", nomad.instance_id),
    ]
    assert {one.parameters["Subject"] for one in plan.commands[Phase.REMOVE]} == {client.instance_id}
    alone = plan_purge(a_site(server_groups=APART), [nomad], client.instance_id, client, "s")
    assert components(alone, Phase.REMOVE) == ["nomad"]


def test_of_a_server_of_vault_alone_a_server_of_consul_forgets_the_agent() -> None:
    config, site = a_config(server_groups=APART), a_site(server_groups=APART)
    vault, consul = (a_node(number, group=group, config=config) for number, group in ((1, "vault"), (2, "consul")))
    plan = plan_purge(site, [vault, consul], "i-gone", vault, "s")
    [command] = plan.commands[Phase.REMOVE]
    assert (command.component, command.instance_id) == ("consul", consul.instance_id)
    assert {name: command.parameters[name] for name in ("Kind", "Subject")} == {"Kind": "client", "Subject": "i-gone"}
    assert plan_purge(SITE, [a_node(2)], "i-gone", a_node(), "s").commands[Phase.REMOVE] == (), "it is a client of none"


def test_a_drain_says_how_long_it_may_take_and_each_round_asks_anew() -> None:
    client, server = a_node(9, group="default"), a_node()
    first, second = (plan_drain(SITE, [server], client, 900, f"e#drain{n}").commands[Phase.DRAIN] for n in (1, 2))
    [asked] = [(one.instance_id, one.parameters["Subject"], one.parameters["DeadlineSeconds"]) for one in first]
    assert asked == (server.instance_id, client.instance_id, "900"), "by whoever may: a client may move nobody's work"
    assert first[0].dispatch_key != second[0].dispatch_key
    assert plan_drain(SITE, [], client, 900, "e").commands[Phase.DRAIN] == (), "no server answers"


def test_a_plan_travels_as_json() -> None:
    plan = plan_formation(SITE, MEMBERS, generation=1, scope="g1")
    sent = json.loads(json.dumps(plan.of(Phase.START)))
    assert all(command["answer_within_seconds"] > command["timeout_seconds"] for command in sent)
