"""The lab's fault commands on real hosts: each does what it says, and the cluster is whole again.

One cluster for all of it. Each story leaves three servers as voters of all three products, and two clients.
"""

from collections.abc import Iterator

import pytest

from lab.fault_commands import FaultCommands
from lab.laboratory import Laboratory
from lambdas.domain.config import PRODUCTS
from tests.e2e.cluster import assert_quorate, executions
from tests.e2e.membership import LOOKED_AT, servers, state_of

pytestmark = pytest.mark.e2e

SERF_PORT = 8301


@pytest.fixture(scope="module")
def lab() -> Iterator[Laboratory]:
    with Laboratory("container") as laboratory:
        laboratory.wait_formed()
        yield laboratory


@pytest.fixture
def faults(lab: Laboratory) -> Iterator[FaultCommands]:
    commands = FaultCommands(lab)
    yield commands
    commands.clear()
    assert commands.active() == []


def whole(lab: Laboratory) -> bool:
    """As it was formed: three voters of each product, none of them sealed, and they agree on who leads."""
    try:
        assert_quorate(lab.survey(), voters=3)
    except AssertionError:
        return False
    return True


def test_a_node_whose_install_fails_is_abandoned_with_the_reason_and_replaced(lab: Laboratory) -> None:
    """The second client gets other bytes of Consul than the manifest promises."""
    key = next(artifact.key for artifact in lab.prepared.artifacts if artifact.name.startswith("consul_linux"))
    s3 = lab.aws.client("s3")
    good = s3.get_object(Bucket=lab.bucket, Key=key)["Body"].read()
    s3.put_object(Bucket=lab.bucket, Key=key, Body=b"not what the manifest says")
    lab.scale(clients=2)
    lab.wait_until(
        lambda: bool(executions(lab, "node_launch", "FAILED")), 120, lambda: str(executions(lab, "node_launch"))
    )
    s3.put_object(Bucket=lab.bucket, Key=key, Body=good)
    failed = next(one for one in lab.aws.executions("node_launch") if one.status == "FAILED")
    for words in ("consul install", "exit 70", "checksum"):
        assert words in (failed.cause or ""), failed.cause
    lab.wait_in_service()
    lab.wait_until(lambda: len(lab.survey().clients_ready) == 2, 60, lambda: str(lab.survey().clients_ready))


def test_a_host_is_killed_and_then_terminated(lab: Laboratory, faults: FaultCommands) -> None:
    client = max(lab.survey().clients_ready)
    faults.do("kill-host", node=client)
    lab.wait_until(lambda: not lab.hosts.agent_online(client), 10, lambda: "its agent answers")
    assert state_of(lab, client) == "InService", "EC2 does not know"
    lab.wait_until(lambda: client not in lab.survey().clients_ready, 60, lambda: "Nomad takes it for alive")
    faults.do("terminate-host", node=client)
    lab.wait_until(lambda: not state_of(lab, client), 120, lambda: str(lab.nodes()))
    lab.wait_in_service()
    lab.wait_until(lambda: len(lab.survey().clients_ready) == 2, 60, lambda: str(lab.survey().clients_ready))


def test_products_are_stopped_and_started(lab: Laboratory, faults: FaultCommands) -> None:
    """On the server that leads Vault: another leads, nobody is taken out, and after its start it is unsealed."""
    node = lab.survey().products["vault"].leader
    assert node is not None
    for product in PRODUCTS:
        faults.do("stop-product", node=node, product=product)
    with pytest.raises(LookupError, match=f"nomad does not run on {node}"):
        faults.do("stop-product", node=node, product="nomad")
    lab.wait_until(
        lambda: all(lab.survey().products[product].leader not in (None, node) for product in PRODUCTS),
        60,
        lambda: str(lab.survey()),
    )
    assert all(node in lab.survey().products[product].voters for product in PRODUCTS)
    for product in PRODUCTS:
        faults.do("start-product", node=node, product=product)
    lab.wait_until(lambda: whole(lab), 60, lambda: str(lab.survey()))


def test_a_server_is_cut_off_from_the_others_and_not_from_aws(lab: Laboratory, faults: FaultCommands) -> None:
    node = lab.survey().products["nomad"].leader
    assert node is not None
    other = min(servers(lab) - {node})
    addresses = lab.servers("consul")
    faults.do("partition", nodes=[node])
    assert faults.active() == [f"{node}: cut off"]
    assert not reaches(lab, node, addresses[other], SERF_PORT)
    assert not reaches(lab, other, addresses[node], SERF_PORT)
    assert reaches(lab, node, f"dynamodb.{lab.config.region}.amazonaws.com", 443)
    lab.wait_until(
        lambda: all(lab.survey().products[product].leader not in (None, node) for product in LOOKED_AT),
        60,
        lambda: str(lab.survey()),
    )
    assert all(node in lab.survey().products[product].voters for product in LOOKED_AT), "nobody takes it out"
    faults.do("heal")
    assert reaches(lab, node, addresses[other], SERF_PORT)
    lab.wait_until(lambda: whole(lab), 60, lambda: str(lab.survey()))
    assert not executions(lab, "node_terminate", "FAILED")


def reaches(lab: Laboratory, node: str, host: str, port: int) -> bool:
    script = f"#!/bin/bash\ntimeout 3 bash -c ': </dev/tcp/{host}/{port}'\n"
    return lab.run_script(node, script).exit_code == 0
