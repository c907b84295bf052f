"""Servers and clients go, in every way they can, and no product loses quorum: real products on real hosts.

One cluster for all of it. The tests go in this order, and each of them leaves three servers as voters of all three
products, and a client; none needs more of the one before.
"""

from collections.abc import Iterator
from contextlib import suppress

import pytest

from lab.laboratory import Laboratory
from lab.writers import Writers
from lambdas.domain import names
from lambdas.domain.config import PRODUCTS
from tests.e2e.cluster import assert_quorate, executions
from tests.e2e.membership import (
    changes,
    fewest_voters,
    group_name,
    in_service,
    journal,
    lead_all,
    rings,
    servers,
    settle,
    state_of,
    terminate,
    told,
)

pytestmark = pytest.mark.e2e

SMALLEST = "3 are the smallest safe size"
LONGEST_GAP_SECONDS = 15.0
"""A product without a leader elects one within seconds: more is not the goodbye's doing alone, and to be looked at."""


@pytest.fixture(scope="module")
def lab() -> Iterator[Laboratory]:
    with Laboratory("container") as laboratory:
        laboratory.wait_formed()
        yield laboratory


def test_three_servers_become_five_without_forming_again_and_five_become_three(lab: Laboratory) -> None:
    before, founders = lab.formation(), servers(lab)
    lab.scale(servers=5)
    settle(lab, voters=5)
    assert servers(lab) > founders
    assert executions(lab, "form_cluster") == ["lab-g1-a1"]
    assert lab.formation() == before
    with fewest_voters(lab) as fewest:
        lab.scale(servers=3)
        settle(lab, voters=3)
    assert fewest == {"consul": 3, "nomad": 3}
    assert len(executions(lab, "node_terminate", "SUCCEEDED")) == 2


def test_a_goodbye_that_would_cost_quorum_is_held_and_let_go_by_a_sweep_once_it_is_safe(lab: Laboratory) -> None:
    """Its execution dies while it waits for a replacement, and its hook ends without an answer."""
    scaling, states = lab.aws.client("autoscaling"), lab.aws.client("stepfunctions")
    leaving = min(servers(lab))
    scaling.suspend_processes(AutoScalingGroupName=group_name(lab), ScalingProcesses=["Launch"])
    terminate(lab, leaving)
    lab.wait_until(
        lambda: any(SMALLEST in entry["reason"] for entry in journal(lab, leaving)), 60, lambda: str(lab.journal())
    )
    assert_quorate(lab.survey(), voters=3)
    assert not [change for change in changes(lab) if change.instance_id == leaving], "nothing was done to it"
    for execution in lab.aws.executions("node_terminate"):
        if execution.status == "RUNNING":
            states.stop_execution(executionArn=execution.arn, error="Test", cause="it dies")
    with suppress(LookupError):
        lab.expire_lease()  # where it died in its turn: nobody waits five minutes here
    scaling.complete_lifecycle_action(
        AutoScalingGroupName=group_name(lab),
        LifecycleHookName=names.TERMINATE_HOOK,
        InstanceId=leaving,
        LifecycleActionResult="ABANDON",  # as Auto Scaling does by itself after the heartbeat's time
    )
    assert state_of(lab, leaving) == "Terminating:Retained"
    lab.sweep()
    lab.wait_until(lambda: len(journal(lab, leaving)) > 1, 60, lambda: str(lab.journal()))
    assert_quorate(lab.survey(), voters=3)
    assert state_of(lab, leaving) == "Terminating:Retained", "a sweep finds it no safer than before"
    scaling.resume_processes(AutoScalingGroupName=group_name(lab), ScalingProcesses=["Launch"])
    with fewest_voters(lab) as fewest:
        lab.wait_until(lambda: in_service(lab) == 3, 120, lambda: str(lab.nodes()))
        lab.wait_until(lambda: swept(lab, leaving), 240, lambda: str(lab.journal()))
        settle(lab, voters=3)
    assert leaving not in servers(lab)
    assert fewest == {"consul": 3, "nomad": 3}


def swept(lab: Laboratory, leaving: str) -> bool:
    """Whether it has gone. Each sweep starts one look at it, which ends where it has to wait again."""
    if not executions(lab, "sweep", "RUNNING") and not executions(lab, "node_terminate", "RUNNING"):
        lab.sweep()
    return not state_of(lab, leaving)


def test_two_servers_that_go_at_once_go_one_after_the_other(lab: Laboratory) -> None:
    """Each waits for its replacement to be a voter. The first of them leads all three products."""
    first = lead_all(lab)
    second = min(servers(lab) - {first})
    with fewest_voters(lab) as fewest:
        terminate(lab, first)
        terminate(lab, second)
        settle(lab, voters=3)
    assert not {first, second} & servers(lab)
    assert fewest == {"consul": 3, "nomad": 3}
    for one in (first, second):
        assert [entry["decision"] for entry in journal(lab, one)][-1] == "release"
    assert any(SMALLEST in entry["reason"] for entry in journal(lab, first))
    handed_over = [change.document for change in changes(lab) if change.instance_id == first]
    assert {f"{product}-hand_over" for product in PRODUCTS} <= set(handed_over)


def test_a_host_that_dies_without_notice_is_replaced_and_its_peers_are_removed(lab: Laboratory) -> None:
    """It leads Consul, and EC2's status check tells its group of it."""
    victim = lab.survey().products["consul"].leader
    assert victim is not None
    lab.data_center.faulty.kill(victim)
    lab.aws.client("autoscaling").set_instance_health(InstanceId=victim, HealthStatus="Unhealthy")
    settle(lab, voters=3)
    assert victim not in servers(lab)
    documents = [change.document for change in changes(lab)]
    assert {f"{product}-remove" for product in PRODUCTS} <= set(documents)


def test_gossip_of_five_members_goes_to_a_new_key_and_a_node_that_launches_then_joins_with_it(lab: Laboratory) -> None:
    lab.scale(clients=2)
    lab.wait_in_service()
    before = rings(lab)
    assert before["consul"].members == 5
    lab.rotate_secrets("gossip")
    lab.wait_until(
        lambda: bool(executions(lab, "rotate_secrets", "SUCCEEDED")), 300, lambda: str([told(e) for e in journal(lab)])
    )
    after = rings(lab)
    for product, ring in after.items():
        assert ring.members == before[product].members
        [key] = ring.keys
        assert key not in before[product].keys
        assert ring.keys[key] == ring.members, "every member has it"
    terminate(lab, min(lab.survey().clients_ready))
    settle(lab, voters=3)
    assert rings(lab) == after
    assert len(lab.survey().clients_ready) == 2


def test_a_client_that_goes_is_drained_first_and_forgotten_afterwards(lab: Laboratory) -> None:
    lab.submit_job()
    lab.wait_job()
    lab.scale(clients=2)
    lab.wait_in_service()
    job = lab.wait_job()
    leaving = next(one.instance_id for one in job.allocations if one.status == "running")
    terminate(lab, leaving, smaller=True)
    lab.wait_in_service()
    job = lab.wait_job()
    assert {one.instance_id for one in job.allocations if one.status == "running"} == set(lab.survey().clients_ready)
    with lab.data_center.inside():
        nomad = lab.apis.first("nomad", list(lab.servers("nomad").values()), "nodes")
        consul = lab.apis.first("consul", list(lab.servers("consul").values()), "catalog/nodes")
    assert leaving not in {node["Name"] for node in nomad}, "its node is purged"
    assert leaving not in {node["Node"] for node in consul}


def test_an_instance_refresh_of_all_servers_costs_no_write(lab: Laboratory, capsys: pytest.CaptureFixture[str]) -> None:
    before = servers(lab)
    with Writers(lab) as writers:
        lab.refresh()
        settle(lab, voters=3, timeout_seconds=600)
    assert not before & servers(lab)
    with capsys.disabled():
        for product, ledger in writers.ledgers.items():
            print(f"\n{product}: {ledger.as_json()}", end="")
    assert writers.lost() == {product: [] for product in ("consul", "vault", "nomad")}
    for product, ledger in writers.ledgers.items():
        assert not ledger.failed, f"{product}: {ledger.as_json()}"
        assert ledger.longest_gap.seconds < LONGEST_GAP_SECONDS, f"{product}: {ledger.as_json()}"
