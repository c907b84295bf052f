"""Instances on their way out: clients drain and leave, servers go once nothing of theirs is needed."""

from collections.abc import Iterator

import pytest

from lab.aws import ExecutionRecord
from tests.integration.conftest import Open
from tests.integration.story import Story


@pytest.fixture(scope="module")
def three(tell: Open) -> Iterator[Story]:
    """A cluster that loses a client, a server, and a server without notice."""
    with tell("three") as formed:
        yield formed.settle()


def goodbye_of(story: Story, instance_id: str) -> ExecutionRecord:
    [one] = [one for one in story.executions("node_terminate") if one.input["detail"]["EC2InstanceId"] == instance_id]
    return one


def test_a_client_that_is_scaled_in_leaves_and_goes(three: Story) -> None:
    three.scale(clients=2)
    three.settle()
    assert len(three.states("default")) == 2
    before = set(three.states("default"))
    three.scale(clients=1)
    three.settle()

    [gone] = before - set(three.states("default"))
    goodbye = goodbye_of(three, gone)
    assert goodbye.status == "SUCCEEDED"
    phases = [sent.phase for sent in three.sent if sent.instance_id == gone][-3:]
    assert phases == ["drain", "leave", "leave"]
    assert goodbye.states_entered[-2:] == ["CompleteTerminate", "Done"]
    left = {sent.component: sent.status for sent in three.sent if sent.instance_id == gone and sent.phase == "leave"}
    assert left == {"consul": "Success", "nomad": "Success"}
    assert three.data_center.simulated.world.hosts.get(gone) is None


def test_a_server_goes_once_its_replacement_votes(three: Story) -> None:
    server = min(three.states("servers"))
    three.aws.client("autoscaling").terminate_instance_in_auto_scaling_group(
        InstanceId=server, ShouldDecrementDesiredCapacity=False
    )
    three.settle()

    assert goodbye_of(three, server).status == "SUCCEEDED"
    assert list(three.states("servers").values()) == ["InService"] * 3
    three.assert_one_cluster()
    for product in ("consul", "vault", "nomad"):
        [raft] = three.clusters(product)
        assert set(raft.voters) == set(three.states("servers"))
    assert server not in three.records("member")
    assert three.records("lease")["membership"]["owner"] is None
    told = [entry for entry in three.records("journal").values() if entry["node"] == server]
    assert {entry["decision"] for entry in told} == {"wait", "act", "release"}


def test_a_server_that_is_lost_without_notice_is_replaced_and_its_peers_are_removed(three: Story) -> None:
    server = max(node for node, state in three.states("servers").items() if state == "InService")
    three.aws.client("ec2").terminate_instances(InstanceIds=[server])
    three.settle()

    assert server not in three.states("servers")
    assert [one for one in three.sent if one.instance_id == server and one.phase == "leave"] == []
    three.assert_one_cluster()
    for product in ("consul", "vault", "nomad"):
        [raft] = three.clusters(product)
        assert set(raft.voters) == set(three.states("servers"))
