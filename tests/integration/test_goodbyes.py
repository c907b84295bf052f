"""Instances on their way out: clients leave, servers stay unless nothing of theirs is a vote."""

from collections.abc import Iterator

import pytest

from lab.aws import ExecutionRecord
from tests.integration.conftest import Open
from tests.integration.story import Story


@pytest.fixture(scope="module")
def three(tell: Open) -> Iterator[Story]:
    """A cluster that loses its client, and of which no server may go."""
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
    assert [state for state in goodbye.states_entered if state != "Send"] == [
        "PlanTerminate",
        "Leave",
        "CompleteTerminate",
        "Done",
    ]
    left = {sent.component: sent.status for sent in three.sent if sent.instance_id == gone and sent.phase == "leave"}
    assert left == {"consul": "Success", "nomad": "Success"}
    assert three.data_center.simulated.world.hosts.get(gone) is None


def test_a_server_is_retained_with_the_reason(three: Story) -> None:
    server = min(three.states("servers"))
    three.aws.client("autoscaling").terminate_instance_in_auto_scaling_group(
        InstanceId=server, ShouldDecrementDesiredCapacity=False
    )
    three.settle()

    assert goodbye_of(three, server).status == "SUCCEEDED"
    assert three.states("servers")[server] == "Terminating:Retained"
    assert "nothing shows that quorum survives: retained" in three.log
    assert [sent for sent in three.sent if sent.instance_id == server and sent.phase == "leave"] == []
    for product in ("consul", "vault", "nomad"):
        [raft] = three.clusters(product)
        assert server in raft.voters, "it still votes"
        assert three.data_center.simulated.agent_online(server)


def test_a_server_whose_host_is_gone_already_is_let_go(three: Story) -> None:
    server = max(node for node, state in three.states("servers").items() if state == "InService")
    three.aws.client("ec2").terminate_instances(InstanceIds=[server])
    three.settle()

    assert server not in three.states("servers")
    assert [one for one in three.sent if one.instance_id == server and one.phase == "leave"] == []
