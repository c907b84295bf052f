"""What an arriving node is told, row by row."""

from dataclasses import replace

import pytest

from lambdas.domain.errors import ClusterProtected
from lambdas.domain.failure import Failure
from lambdas.domain.formation import (
    MAXIMUM_ATTEMPTS,
    Record,
    answer_arrival,
    choose_founders,
    choose_seed,
    founders_to_replace,
    missing_servers,
)
from tests.builders import a_config, a_node, an_arrival

CONFIG = a_config()
THREE = [an_arrival(number, at=number) for number in (1, 2, 3)]
ALIVE = {arrival.node.instance_id for arrival in THREE}


def answer(record=None, arrivals=THREE, alive=ALIVE, node=None, runs=False, config=CONFIG):
    return answer_arrival(config, record or Record(), arrivals, alive, node or a_node(3), attempt_runs=runs)


def test_the_first_two_servers_wait_for_the_third() -> None:
    told = answer(arrivals=THREE[:2])
    assert told.action == "wait"
    assert "servers 2 of 3" in told.reason


def test_the_arrival_that_completes_the_set_forms() -> None:
    assert answer().action == "form"


def test_a_client_never_forms() -> None:
    assert answer(node=a_node(9, group="default")).action == "wait"


def test_a_server_that_died_does_not_count() -> None:
    assert answer(alive=ALIVE - {THREE[0].node.instance_id}).action == "wait"


def test_while_an_attempt_runs_everybody_waits() -> None:
    record = Record(status="forming", attempt=1, execution="arn")
    assert answer(record, runs=True).action == "wait"


def test_an_attempt_that_died_is_succeeded() -> None:
    told = answer(Record(status="forming", attempt=1, execution="arn", reason="attempt 1 is under way"))
    assert told.action == "form"


def test_a_failed_attempt_is_succeeded_with_its_reason_told() -> None:
    told = answer(Record(status="failed", attempt=2, reason="vault bootstrap failed"))
    assert told.action == "form"
    assert "vault bootstrap failed" in told.reason


def test_used_up_attempts_call_a_human() -> None:
    with pytest.raises(ClusterProtected, match="no space left"):
        answer(Record(status="failed", attempt=MAXIMUM_ATTEMPTS, reason="no space left"))


def test_a_server_that_comes_to_a_formed_cluster_joins() -> None:
    record = Record(status="formed", members=tuple(arrival.node for arrival in THREE))
    assert answer(record, node=a_node(7)).role == "joiner"


def test_a_founder_that_asks_again_is_still_a_founder() -> None:
    record = Record(status="formed", members=tuple(arrival.node for arrival in THREE))
    assert answer(record, node=a_node(2)).role == "founder"


def test_one_server_more_than_needed_is_not_a_founder() -> None:
    four = [an_arrival(4, at=0.5), *THREE]
    founders = choose_founders(CONFIG, four, ALIVE | {four[0].node.instance_id})
    assert [founder.node.instance_id[-1] for founder in founders] == ["4", "1", "2"]


def test_groups_for_each_product_are_complete_each_for_itself() -> None:
    config = a_config(
        server_groups=[
            {"name": "consul", "serves": ["consul"], "size": 3},
            {"name": "vault", "serves": ["vault", "nomad"], "size": 1},
        ]
    )
    arrivals = [an_arrival(number, group="consul", config=config) for number in (1, 2, 3)]
    alive = {arrival.node.instance_id for arrival in arrivals}
    assert missing_servers(config, choose_founders(config, arrivals, alive)) == "vault 0 of 1"


def test_the_seed_serves_the_product_and_is_always_the_same() -> None:
    nodes = [arrival.node for arrival in THREE]
    assert choose_seed(nodes, "vault") == choose_seed(list(reversed(nodes)), "vault")


def test_another_attempt_does_without_founders_that_failed_for_good_or_are_silent() -> None:
    members = [a_node(number) for number in (1, 2, 3)]
    first, second, third = (member.instance_id for member in members)
    failed = Failure("NodeFailed", f"{first}: consul start: failed for good (exit 70)")
    assert founders_to_replace(failed, members, silent={third, "i-0ffffffffffffffff"}) == {first, third}
    assert founders_to_replace(replace(failed, error="BadParameter"), members, silent=()) == frozenset()
    assert founders_to_replace(replace(failed, error="NodeNotReady"), members, silent={second}) == {second}
    assert founders_to_replace(Failure("States.Timeout", "no answer in time"), members, silent=()) == frozenset()
