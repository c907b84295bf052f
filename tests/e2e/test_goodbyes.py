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
from lambdas.domain.config import PRODUCTS, Product
from tests.e2e.cluster import assert_quorate, executions
from tests.e2e.membership import (
    LOOKED_AT,
    Ring,
    changes,
    fewest_healthy,
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
from tests.e2e.tokens import answers, coordinates, drop_own_services, own_services, rotated, shared_tokens
from tests.e2e.vault import assert_a_job_reads

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


def test_what_five_members_share_rotates_under_load_and_a_node_that_launches_then_joins_with_it(
    lab: Laboratory, capsys: pytest.CaptureFixture[str]
) -> None:
    """Gossip keys, then tokens: the old ones are refused, and every node works with the new ones."""
    lab.scale(clients=2)
    lab.wait_in_service()
    lab.submit_job()
    job, ring, tokens = lab.wait_job(), rings(lab), shared_tokens(lab)
    assert ring["consul"].members == 5
    assert set(answers(lab, tokens).values()) == {200}
    with Writers(lab) as writers, fewest_healthy(lab, job.name) as healthy:
        rotate(lab)
        assert_rotated(lab, ring, tokens)
    with capsys.disabled():
        for product, ledger in writers.ledgers.items():
            print(f"\n{product}: {ledger.as_json()}", end="")
    assert writers.lost() == {product: [] for product in PRODUCTS}
    for product in LOOKED_AT:  # nothing of Vault's rotates: what it refuses is an election that a busy machine held
        assert not writers.ledgers[product].failed, f"{product}: {writers.ledgers[product].as_json()}"
    assert lab.wait_job().allocations == job.allocations, "the very same one goes on"
    assert healthy == {job.name: 1}
    ring = rings(lab)
    terminate(lab, min(lab.survey().clients_ready))
    settle(lab, voters=3)
    assert rings(lab) == ring
    assert len(lab.survey().clients_ready) == 2
    assert lab.wait_job().running


def rotate(lab: Laboratory) -> None:
    """Its execution dies when there are two of each token of Consul's; a sweep has another go on."""

    def wait(stage: str) -> None:
        lab.wait_until(lambda: stage in rotated(lab), 300, lambda: str([told(entry) for entry in journal(lab)]))

    execution = lab.rotate_secrets()
    wait("consul reissue make")
    lab.aws.client("stepfunctions").stop_execution(executionArn=execution, error="Test", cause="it dies")
    with suppress(LookupError):
        lab.expire_lease()  # where it died in its turn: nobody waits five minutes here
    lab.sweep()
    wait("nomad reissue retire")


def assert_rotated(lab: Laboratory, ring: dict[Product, Ring], tokens: dict[str, str]) -> None:
    """Each key and token is another by now, the ones of before are worth nothing, and nodes work without them."""
    for product, after in rings(lab).items():
        assert after.members == ring[product].members
        [key] = after.keys
        assert key not in ring[product].keys
        assert after.keys[key] == after.members, "every member has it"
    assert not set(shared_tokens(lab).values()) & set(tokens.values())
    assert set(answers(lab, shared_tokens(lab)).values()) == {200}
    # Agents that are clients remember a token for 30 s (acl.token_ttl).
    lab.wait_until(lambda: set(answers(lab, tokens).values()) == {403}, 60, lambda: str(answers(lab, tokens)))
    sent, services = coordinates(lab), own_services(lab)
    assert set(sent) == set(services)
    assert all(services.values())
    drop_own_services(lab)
    lab.wait_until(lambda: own_services(lab) == services, 90, lambda: str(own_services(lab)))
    lab.wait_until(lambda: not sent.items() & coordinates(lab).items(), 90, lambda: str(coordinates(lab)))


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
    clients = configurations(lab)
    with Writers(lab) as writers:
        lab.refresh()
        settle(lab, voters=3, timeout_seconds=600)
    assert not before & servers(lab)
    assert configurations(lab) == clients, "nobody has told clients of other servers"
    assert_a_job_reads(lab, "a word that servers know which its client was never told of")
    with capsys.disabled():
        for product, ledger in writers.ledgers.items():
            print(f"\n{product}: {ledger.as_json()}", end="")
    assert writers.lost() == {product: [] for product in ("consul", "vault", "nomad")}
    for product, ledger in writers.ledgers.items():
        assert not ledger.failed, f"{product}: {ledger.as_json()}"
        assert ledger.longest_gap.seconds < LONGEST_GAP_SECONDS, f"{product}: {ledger.as_json()}"


def configurations(lab: Laboratory) -> dict[str, str]:
    """What each client's products run with, and since when."""
    look = "#!/bin/bash\nsystemctl show consul nomad --property=MainPID\ncat /etc/{consul,nomad}.d/*.json | sha256sum\n"
    return {client: lab.run_script(client, look).stdout for client in lab.survey().clients_ready}
