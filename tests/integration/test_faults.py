"""Faults by name: each does what it says, and says how it ends."""

from collections.abc import Iterator
from typing import Any

import pytest

from lab.fault_commands import FaultCommands
from tests.integration.conftest import Open
from tests.integration.story import Story


@pytest.fixture(scope="module")
def founders(tell: Open) -> Iterator[Story]:
    """Every test leaves it as it was but for the last, which loses a host."""
    with tell("founders") as formed:
        yield formed.settle()


@pytest.fixture
def faults(founders: Story) -> Iterator[FaultCommands]:
    commands = FaultCommands(founders)
    yield commands
    commands.clear()
    assert commands.active() == []


def servers(story: Story) -> list[str]:
    return sorted(node for node, state in story.states("servers").items() if state == "InService")


def leader(story: Story, product: str = "consul") -> str | None:
    return story.survey().products[product].leader


def test_a_product_is_stopped_and_started(founders: Story, faults: FaultCommands) -> None:
    node = leader(founders)
    assert node is not None
    done = faults.do("stop-product", node=node, product="consul")
    assert done["did"] == f"consul is stopped on {node}, without a goodbye"
    assert done["ends"] == f"start-product {node} consul"
    assert leader(founders) not in (None, node)
    assert node in founders.survey().products["consul"].voters, "nobody took it out"
    faults.do("start-product", node=node, product="consul")
    assert leader(founders) is not None
    with pytest.raises(LookupError, match="is not set up to run"):
        founders.data_center.faulty.start_product(node, "docker")


def test_a_network_is_split_and_healed(founders: Story, faults: FaultCommands) -> None:
    one, two, three = servers(founders)
    faults.do("partition", nodes=[one])
    assert leader(founders) in (two, three)
    assert faults.active() == [f"{one}: cut off"]
    faults.do("heal")
    faults.do("stop-product", node=two, product="nomad")
    faults.do("partition", nodes=[one])
    assert leader(founders, "nomad") is None, "one of three is no majority"
    faults.do("heal")
    faults.do("start-product", node=two, product="nomad")
    assert leader(founders, "nomad") is not None


def test_an_agent_is_paused_and_resumed(founders: Story, faults: FaultCommands) -> None:
    node = servers(founders)[0]

    def ping() -> str:
        found = founders.aws.client("ssm").describe_instance_information(
            Filters=[{"Key": "InstanceIds", "Values": [node]}]
        )
        return str(found["InstanceInformationList"][0]["PingStatus"])

    assert ping() == "Online"
    faults.do("pause-agent", node=node)
    assert ping() == "ConnectionLost"
    faults.do("resume-agent", node=node)
    assert ping() == "Online"


@pytest.mark.parametrize(
    ("verb", "arguments", "active"),
    [
        ("duplicate-events", {"type": "terminate lifecycle"}, "events: delivered twice"),
        ("delay-events", {"seconds": 60, "times": 2}, "events: 2 more, 60 s late"),
        ("drop-events", {"times": 1}, "events: 1 more, dropped"),
        ("reorder-events", {"seconds": 3}, "events: every other one 3 s late"),
        ("throttle-api", {"service": "ssm", "operation": "SendCommand"}, "ssm SendCommand: 1 more, throttled"),
        (
            "fail-api",
            {"service": "dynamodb", "operation": "UpdateItem", "times": 2},
            "dynamodb UpdateItem: 2 more, InternalServerError",
        ),
        (
            "kill-lambda",
            {"function": "send_command", "after_calls": 2},
            "function send_command: 1 more, killed after 2 calls",
        ),
    ],
)
def test_events_apis_and_functions_are_disturbed_until_it_is_cleared(
    faults: FaultCommands, verb: str, arguments: dict[str, Any], active: str
) -> None:
    done = faults.do(verb, **arguments)
    assert done["fault"] == verb
    assert done["ends"] == "clear"
    assert faults.active() == [active]


@pytest.mark.parametrize(
    ("verb", "arguments", "why"),
    [
        ("melt", {}, "no fault 'melt': kill-host, "),
        ("kill-host", {"node": "i-0123"}, "0 nodes match 'i-0123'"),
        ("stop-product", {"node": "servers/0", "product": "etcd"}, "no product 'etcd': consul, vault, nomad"),
        ("start-product", {"node": "servers/0", "product": "etcd"}, "no product 'etcd'"),
        ("kill-lambda", {"function": "sweeper"}, "no function has 'sweeper' in its name"),
        ("expire-lease", {}, "nobody holds the membership lease"),
        ("partition", {"nodes": []}, "which nodes"),
    ],
)
def test_what_there_is_not_is_refused_with_what_there_is(
    faults: FaultCommands, verb: str, arguments: dict[str, Any], why: str
) -> None:
    with pytest.raises((LookupError, ValueError), match=why):
        faults.do(verb, **arguments)


def test_a_lease_is_over_before_its_time(founders: Story, faults: FaultCommands) -> None:
    key = {"pk": {"S": "lease"}, "sk": {"S": "membership"}}
    held = {**key, "owner": {"S": "arn:x:one"}, "fencing": {"N": "4"}, "held_until": {"N": "9999999999"}}
    founders.aws.client("dynamodb").put_item(TableName=founders.table_name, Item=held)
    assert faults.do("expire-lease")["did"] == "the membership lease is over, for one"
    lease = founders.records("lease")["membership"]
    assert (int(lease["fencing"]), int(lease["held_until"])) == (4, 0), "its number only ever grows"
    founders.aws.client("dynamodb").delete_item(TableName=founders.table_name, Key=key)
