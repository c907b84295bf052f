"""Gossip goes to a new key while nodes come, go and fall silent: the old key goes last, and never too early."""

import json
import math
from collections.abc import Iterator

import pytest

from lambdas.domain import names
from tests.integration.conftest import Open
from tests.integration.story import Story

LONG = 300.0
STAGES = [f"{product} rekey {step}" for product in ("consul", "nomad") for step in ("install", "use", "remove")]


@pytest.fixture(scope="module")
def seven(tell: Open) -> Iterator[Story]:
    """Five servers and two clients. Each test leaves one key on every ring, and needs no more of the one before."""
    with tell("three") as formed:
        formed.settle(LONG)
        formed.scale(servers=5, clients=2)
        yield formed.settle(LONG)


def rings(story: Story, product: str) -> dict[str, list[str]]:
    """Keys by instance id, of the living hosts that have any."""
    hosts = story.data_center.simulated.world.hosts
    found = {name: host.keyrings[product] for name, host in hosts.items() if not host.lost and product in host.keyrings}
    return {
        name: list(keys) for name, keys in found.items() if name in story.states("servers") | story.states("default")
    }


def the_key(story: Story, product: str) -> str:
    """The one key that every member has."""
    [[key]] = {tuple(ring) for ring in rings(story, product).values()}
    return key


def keys(story: Story) -> dict[str, str]:
    return {product: the_key(story, product) for product in ("consul", "nomad")}


def told(story: Story, number: int) -> list[tuple[str, str]]:
    """What the journal has of the newest rotation, which has to be that one: decision and stage."""
    assert int(story.records("rotation")["record"]["number"]) == number
    return [
        (entry["decision"], entry["reason"].partition(":")[0])
        for entry in story.journal()
        if entry["what"] == "rotation"
    ]


def assert_over(story: Story, before: dict[str, str]) -> None:
    record = story.records("rotation")["record"]
    assert (record["under_way"], int(record["at"])) == (False, len(STAGES))
    assert not set(keys(story).values()) & set(before.values())
    assert len(rings(story, "consul")) == len(story.states("servers")) + len(story.states("default"))
    assert len(rings(story, "nomad")) == len(story.states("servers"))
    assert story.records("lease")["membership"]["owner"] is None
    story.assert_one_cluster()


def number_of(story: Story) -> int:
    return int(story.records("rotation").get("record", {}).get("number", 0))


def test_every_member_has_the_new_key_and_nobody_the_old_one(seven: Story) -> None:
    before = keys(seven)
    seven.rotate_secrets("gossip")
    seven.settle(LONG)
    assert [one.status for one in seven.executions("rotate_secrets")] == ["SUCCEEDED"]
    assert_over(seven, before)
    assert [stage for decision, stage in told(seven, 1) if decision == "done"] == STAGES


def test_a_node_that_launches_meanwhile_is_waited_for_and_hears_everybody(seven: Story) -> None:
    before, clients = keys(seven), set(seven.states("default"))
    seven.faults.slow("consul", "install", 2.0)
    seven.scale(clients=3)
    seven.wait_until(lambda: len(seven.states("default")) == 3, 30, lambda: "waiting for its launch")
    [new] = set(seven.states("default")) - clients
    seven.rotate_secrets("gossip")
    seven.settle(LONG)
    seven.faults.slow("consul", "install", 0.0)
    assert seven.states("default")[new] == "InService"
    assert_over(seven, before)
    waited = [
        entry["reason"] for entry in seven.journal() if entry["decision"] == "wait" and entry["what"] == "rotation"
    ]
    assert f"consul rekey install: not alive in gossip: {new}" in waited


def test_a_coordinator_that_dies_is_followed_by_another_which_the_sweep_starts(seven: Story) -> None:
    before, number = keys(seven), number_of(seven)
    seven.faults.slow("consul", "rekey", 1.0)
    execution = seven.rotate_secrets("gossip")
    seven.wait_until(
        lambda: any(one.phase == "rekey" and one.status == "InProgress" for one in seven.sent), 30, lambda: "not yet"
    )
    seven.aws.client("stepfunctions").stop_execution(executionArn=execution, cause="stopped by an operator")
    seven.faults.slow("consul", "rekey", 0.0)
    seven.settle(LONG)
    assert seven.records("rotation")["record"]["under_way"] is True
    seven.expire_lease()
    seven.sweep()
    seven.settle(LONG)
    assert number_of(seven) == number + 1, "it went on with the same"
    assert [one.status for one in seven.executions("rotate_secrets")][-2:] == ["ABORTED", "SUCCEEDED"]
    assert_over(seven, before)


def test_somebody_silent_is_waited_for_by_name_and_keeps_the_old_key_alive(seven: Story) -> None:
    before, silent, told_before = keys(seven), min(seven.states("default")), len(seven.journal())
    seven.data_center.faulty.partition(silent)
    seven.rotate_secrets("gossip")
    reason = f"consul rekey install: not alive in gossip: {silent}"
    seven.wait_until(  # an earlier test may have waited for the same node
        lambda: reason in [entry["reason"] for entry in seven.journal()[told_before:]],
        60,
        lambda: str(seven.journal()),
    )
    assert rings(seven, "consul")[silent] == [before["consul"]]
    assert all(before["consul"] in ring for ring in rings(seven, "consul").values())
    assert seven.records("rotation")["record"]["under_way"] is True
    seven.data_center.faulty.heal()
    seven.settle(LONG)
    assert_over(seven, before)


def test_never_two_at_once(seven: Story) -> None:
    before, number = keys(seven), number_of(seven)
    ended = len(seven.executions("rotate_secrets"))
    seven.faults.slow("consul", "rekey", 0.5)
    for _ in range(3):
        seven.rotate_secrets("gossip")
    seven.settle(LONG)
    seven.faults.slow("consul", "rekey", 0.0)
    assert number_of(seven) == number + 1
    last = [one.states_entered[-1] for one in seven.executions("rotate_secrets")[ended:]]
    assert sorted(last) == ["Done", "Elsewhere", "Elsewhere"]
    assert_over(seven, before)


def test_a_server_says_goodbye_in_between_and_neither_keeps_the_other(seven: Story) -> None:
    before = keys(seven)
    leaving = min(seven.states("servers"))
    seven.rotate_secrets("gossip")
    seven.terminate(leaving)
    seven.settle(LONG)
    assert leaving not in seven.states("servers")
    assert list(seven.states("servers").values()) == ["InService"] * 5
    assert_over(seven, before)
    assert [entry["decision"] for entry in seven.decisions(leaving)][-1] == "release"


def test_functions_that_die_and_scripts_that_fail_cost_a_retry(seven: Story) -> None:
    before, number = keys(seven), number_of(seven)
    for function in ("plan_rotation", "judge_rotation"):
        seven.chaos.fail_lambda(function, "Runtime.ExitError", when="after")
        seven.chaos.kill_lambda(function, after_calls=2)
    seven.faults.fail("nomad", "rekey")  # and a script that fails costs a turn
    seven.rotate_secrets("gossip")
    seven.settle(LONG)
    assert number_of(seven) == number + 1
    assert_over(seven, before)


def test_a_sweep_finds_nothing_to_go_on_with(seven: Story) -> None:
    ended = len(seven.executions("rotate_secrets"))
    seven.sweep()
    seven.settle(LONG)
    assert len(seven.executions("rotate_secrets")) == ended


def tokens(story: Story) -> dict[str, str]:
    """What the secrets hold, of those that rotate."""
    secrets = story.aws.client("secretsmanager")
    prefix = names.secrets_prefix(story.config.name)
    rotating = [name for name in names.SECRET_NAMES if "-token" in name and "management" not in name]
    return {name: secrets.get_secret_value(SecretId=prefix + name)["SecretString"] for name in rotating}


def in_use(story: Story, product: str) -> set[str]:
    """Tokens in the products' own files, on living nodes of the cluster."""
    hosts, living = story.data_center.simulated.world.hosts, story.states("servers") | story.states("default")
    found = [json.loads(hosts[name].files[f"/etc/{product}.d/secrets.json"]) for name in living]
    if product == "nomad":
        return {one["consul"]["token"] for one in found}
    return {token for one in found for token in one["acl"]["tokens"].values()}


def test_every_node_uses_new_tokens_before_the_old_ones_are_deleted(seven: Story) -> None:
    before, number = tokens(seven), number_of(seven)
    seven.rotate_secrets("tokens")
    seven.settle(LONG)
    assert number_of(seven) == number + 1
    after = tokens(seven)
    assert not set(after.values()) & set(before.values())
    assert in_use(seven, "consul") == {after["consul/agent-token-server"], after["consul/agent-token-client"]}
    assert in_use(seven, "nomad") == {after["nomad/consul-token-server"], after["nomad/consul-token-client"]}
    assert seven.data_center.simulated.world.cut_off == set(), "nobody used a token when it was deleted"
    assert seven.records("rotation")["record"]["under_way"] is False
    tags = seven.aws.client("secretsmanager").describe_secret(
        SecretId=names.secrets_prefix(seven.config.name) + "consul/management-token"
    )["Tags"]
    assert not [tag for tag in tags if tag["Key"].startswith("quorate:seed")], "sealed again"


def test_a_node_that_does_not_take_new_tokens_up_keeps_the_old_ones_alive(seven: Story) -> None:
    silent = min(seven.states("default"))
    before = tokens(seven)
    seven.faults.fail("consul", "adopt", exit_code=70, reason="it hangs", times=math.inf, instance_id=silent)
    seven.rotate_secrets("tokens")
    seven.wait_until(
        lambda: any(f"consul adopt: {silent}" in entry["reason"] for entry in seven.journal()),
        120,
        lambda: str(seven.journal()[-5:]),
    )
    assert before["consul/agent-token-client"] in in_use(seven, "consul")
    assert seven.data_center.simulated.world.tokens_before, "nothing is deleted meanwhile"
    seven.faults.clear()
    seven.settle(LONG)
    assert not in_use(seven, "consul") & set(before.values())
    assert seven.data_center.simulated.world.cut_off == set()
