"""Instances on their way out: clients drain and leave, servers go once nothing of theirs is needed."""

from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from lab.aws.chaos import of_type
from lambdas.domain import names
from lambdas.domain.config import PRODUCTS
from tests.integration.conftest import Open
from tests.integration.story import Story

LONG = 300.0
"""Seconds, on a machine that does much else."""


@pytest.fixture(scope="module")
def three(tell: Open) -> Iterator[Story]:
    """A cluster that loses a client, a server, and a server without notice."""
    with tell("three") as formed:
        yield formed.settle()


def test_a_client_that_is_scaled_in_drains_leaves_and_is_forgotten(three: Story) -> None:
    three.scale(clients=2)
    three.settle()
    before = set(three.states("default"))
    assert len(before) == 2
    for client in before:
        host = three.data_center.simulated.world.hosts[client]
        host.allocations, host.allocations_move_in_seconds = 3, 0.2
    three.scale(clients=1)
    three.settle()

    [gone] = before - set(three.states("default"))
    [goodbye] = three.goodbyes_of(gone)
    assert goodbye.status == "SUCCEEDED"
    assert goodbye.states_entered[-2:] == ["CompleteTerminate", "Done"]
    phases = [sent.phase for sent in three.sent if sent.instance_id == gone]
    drains = [sent for sent in three.sent if sent.phase == "drain"]
    assert len(drains) >= 2, "a server was asked until nothing was left"
    assert {sent.instance_id for sent in drains} <= set(three.states("servers"))
    assert phases[-2:] == ["leave", "leave"]
    for product in ("consul", "nomad"):
        [raft] = three.clusters(product)
        assert raft.clients == set(three.states("default")), f"{product} lists it still"
    assert three.data_center.simulated.world.hosts.get(gone) is None


def test_the_leader_goes_once_its_replacement_votes(three: Story) -> None:
    """Three are the smallest safe size: it waits in its hook, then hands over, and leaves Nomad, Vault and Consul."""
    leader = three.clusters("consul")[0].leader
    assert leader is not None
    three.terminate(leader)
    three.settle()

    assert [one.status for one in three.goodbyes_of(leader)] == ["SUCCEEDED"]
    three.assert_whole(3)
    assert leader not in three.states("servers")
    decided = three.decisions(leader)
    assert [one["decision"] for one in decided][-1] == "release"
    waits = [one["reason"] for one in decided if one["decision"] == "wait"]
    assert any("3 are the smallest safe size: waits for a replacement" in reason for reason in waits), waits
    changes = [(sent.component, sent.phase) for sent in three.sent if sent.phase in ("hand_over", "leave", "remove")]
    servers = [change for change in changes if change not in (("nomad", "leave"), ("nomad", "remove"))]
    assert servers[-4:] == [("vault", "hand_over"), ("vault", "leave"), ("consul", "hand_over"), ("consul", "leave")]
    for product in PRODUCTS:
        assert three.clusters(product)[0].removals == [leader]


def test_a_server_that_ec2_terminates_is_replaced_and_its_peers_are_removed(three: Story) -> None:
    before = {member: told["private_ip"] for member, told in three.records("member").items()}
    server = max(three.states("servers"))
    three.suspend_launching("servers")
    three.aws.client("ec2").terminate_instances(InstanceIds=[server])
    three.free_address(server)
    three.resume_launching("servers")
    three.settle()

    assert server not in three.states("servers")
    three.assert_whole(3)
    [replacement] = set(three.records("member")) - set(before)
    assert three.records("member")[replacement]["private_ip"] == before[server], "it has the address of a peer"
    assert "is still the address of" in three.log
    sent = {one.phase for one in three.sent if one.instance_id == server}
    assert "leave" not in sent, "nobody was there to leave"
    assert {one["decision"] for one in three.decisions(server)} >= {"act", "release"}


def test_the_end_of_a_cluster_is_forced_and_nothing_hangs_on_a_goodbye(three: Story) -> None:
    """As docs/goodbye.md has it, with one server that waits in its hook and one that was retained."""
    waiting, retained, _ = sorted(three.states("servers"))
    scaling = three.aws.client("autoscaling")
    three.suspend_launching("servers")
    three.chaos.drop_events(of_type("terminate lifecycle"), times=1)
    three.terminate(retained)
    scaling.complete_lifecycle_action(
        AutoScalingGroupName=names.autoscaling_group("three", "servers"),
        LifecycleHookName=names.TERMINATE_HOOK,
        InstanceId=retained,
        LifecycleActionResult="ABANDON",
    )
    three.terminate(waiting)
    three.wait_until(lambda: bool(three.decisions(waiting)), 120, lambda: "its goodbye does not begin")
    assert sorted(three.states("servers").values()) == ["InService", "Terminating:Retained", "Terminating:Wait"]

    groups = [names.autoscaling_group("three", group.name) for group in three.config.groups]
    for group in groups:
        with pytest.raises(ClientError, match="ResourceInUse"):
            scaling.delete_auto_scaling_group(AutoScalingGroupName=group)
        scaling.delete_auto_scaling_group(AutoScalingGroupName=group, ForceDelete=True)
    three.settle(LONG)
    assert three.data_center.simulated.world.hosts == {}
    assert {one.status for one in three.executions("node_terminate")} == {"SUCCEEDED"}
    three.sweep()
    three.settle(LONG)
    assert [one.status for one in three.executions("sweep")][-1] == "SUCCEEDED", "it runs until the stack is gone"

    formation = three.aws.client("cloudformation")
    formation.delete_stack(StackName=three.prepared.stack_name)
    assert three.prepared.stack_name not in {
        stack["StackName"]
        for stack in formation.describe_stacks()["Stacks"]
        if stack["StackStatus"] != "DELETE_COMPLETE"
    }
    assert three.table_name in three.aws.client("dynamodb").list_tables()["TableNames"], "its records outlive it"
