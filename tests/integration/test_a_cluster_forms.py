"""From an empty account to a cluster: three servers and a client, one server, five, a group for each product."""

from tests.integration.conftest import Open

SERVER_PATH = [
    "PlanLaunch",
    "AwaitAgent",
    "Install",
    "SignCertificate",
    "AwaitFormation",
    "PlanMembership",
    "Configure",
    "Start",
    "Verify",
    "CompleteLaunch",
    "Done",
]
FORMATION_PATH = ["BeginFormation", "Secrets", "Configure", "Start", "Bootstrap", "CompleteFormation", "Formed"]

MOST_TRANSITIONS = {"server": 60, "client": 45}
MOST_ROUNDS = {"server": 6, "client": 5}


def outer(states: list[str]) -> list[str]:
    """Without those inside of a Map."""
    return [state for state in states if state != "Send"]


def test_three_servers_and_a_client_become_a_cluster(story: Open) -> None:
    three = story("three").settle()

    assert three.formation()["status"] == "formed"
    assert set(three.states("servers").values()) == {"InService"}
    assert set(three.states("default").values()) == {"InService"}
    three.assert_one_cluster()

    [formation] = three.formations
    assert (formation.name, formation.status) == ("three-g1-a1", "SUCCEEDED")
    assert outer(formation.states_entered) == FORMATION_PATH
    launches = three.launches()
    assert [launch.status for launch in launches] == ["SUCCEEDED"] * 4
    assert all(outer(launch.states_entered) == SERVER_PATH for launch in launches)
    founders = {member["instance_id"] for member in three.records("formation")["record"]["members"]}
    assert founders == set(three.states("servers"))
    assert three.records("arrival") == {}
    assert three.records("breaker") == {}
