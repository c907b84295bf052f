"""A new client of Nomad is introduced by a server, or it is refused and its launch says so."""

from collections.abc import Iterator

import pytest

from lab.hosts.simulated.introductions import FILE, Introductions
from lab.leak_hunt import account, hunt
from tests.integration.conftest import Open
from tests.integration.story import Sent, Story


@pytest.fixture(scope="module")
def three(tell: Open) -> Iterator[Story]:
    with tell("three") as formed:
        yield formed.settle()


def introductions(story: Story) -> Introductions:
    return story.data_center.simulated.world.introductions


def introduced(story: Story) -> list[Sent]:
    return [one for one in story.sent if one.phase == "introduce"]


def clients(story: Story) -> set[str]:
    """As Nomad's servers list them."""
    [raft] = story.clusters("nomad")
    return set(raft.clients)


def test_each_client_is_introduced_once_by_a_server(three: Story) -> None:
    [client] = three.states("default")
    [by] = introduced(three)
    assert by.instance_id in three.states("servers")
    assert by.status == "Success"
    assert clients(three) == {client}
    assert len(list(introductions(three).tokens())) == 1
    assert FILE not in three.data_center.simulated.world.hosts[client].files, "it has served"
    [start] = [one for one in three.launch_of(client).events if "PlanStart" in str(one.get("stateExitedEventDetails"))]
    assert "introduction" in str(start).lower()


def test_an_introduction_is_seen_by_nobody(three: Story) -> None:
    secrets = {f"introduction {number}": token for number, token in enumerate(introductions(three).tokens())}
    assert hunt(secrets, account.places(three, three.log)) == []
    three.aws.client("s3").put_object(Bucket=three.bucket, Key="planted", Body=next(iter(secrets.values())).encode())
    assert [leak.where for leak in hunt(secrets, account.places(three, three.log))] == ["object planted"]


def test_a_client_without_one_is_refused_and_the_next_one_comes_in(three: Story) -> None:
    """As while servers are replaced by newer ones: the leader asks for what an older one keeps all from making."""
    [raft] = three.clusters("nomad")
    before, listed = len(three.launches("default")), clients(three)
    older = three.data_center.simulated.world.hosts[next(one for one in raft.voters if one != raft.leader)]
    version, older.installed["nomad"] = older.installed["nomad"], "1.10.5"
    three.scale(clients=2)

    def failed() -> bool:
        ended = [one for one in three.launches("default")[before:] if one.status == "FAILED"]
        if ended:
            older.installed["nomad"] = version
        return bool(ended)

    three.wait_until(failed, 60, lambda: str(three.launches("default")[before:]))
    three.settle()
    refused, *_, joined = three.launches("default")[before:]
    assert refused.error == "NodeFailed"
    assert "nomad verify: failed for good (exit 70): Nomad's servers refuse to register this client" in str(
        refused.cause
    )
    assert refused.input["detail"]["EC2InstanceId"] not in clients(three)
    assert joined.status == "SUCCEEDED"
    assert clients(three) > listed
    assert clients(three) == set(three.states("default"))


def test_a_launch_waits_for_a_server_that_can_introduce_it_and_says_that_there_is_none(three: Story) -> None:
    servers, before = list(three.states("servers")), len(three.launches("default"))
    for server in servers:
        three.data_center.simulated.pause_agent(server)
    three.scale(clients=3)

    def failed() -> bool:
        return any(one.status == "FAILED" for one in three.launches("default")[before:])

    three.wait_until(failed, 60, lambda: str(three.launches("default")[before:]))
    for server in servers:
        three.data_center.simulated.resume_agent(server)
    three.settle()
    refused, *_, joined = three.launches("default")[before:]
    assert refused.error == "NodeNotReady"
    assert "no server of Nomad answers that could introduce" in str(refused.cause)
    assert joined.status == "SUCCEEDED"
    assert clients(three) == set(three.states("default"))
