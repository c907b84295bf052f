"""Certificates: known from the launch on, renewed by the sweep one server after the other, whatever breaks."""

from collections.abc import Iterator
from itertools import groupby

import pytest
from cryptography import x509

from lab.hosts.simulated.documents.install import make_request
from lambdas.domain.components.host import CA_FILE, CERTIFICATE_FILE
from lambdas.domain.phases import Phase
from tests.integration.conftest import Open
from tests.integration.story import Story

LONG = 300.0
DUE = 21.0
"""Of 30 days."""

STEPS = (Phase.REQUEST, Phase.CONFIGURE, Phase.RELOAD, Phase.VERIFY)


@pytest.fixture(scope="module")
def three(tell: Open) -> Iterator[Story]:
    with tell("three") as formed:
        formed.settle()
        formed.scale(clients=2)
        yield formed.settle()


def nodes(story: Story) -> set[str]:
    return {*story.states("servers"), *story.states("default")}


def serials(story: Story) -> dict[str, str]:
    return {instance_id: str(one["serial"]) for instance_id, one in story.certificates().items()}


def sweep(story: Story) -> list[str]:
    """How the runs ended that it started."""
    before = len(story.executions("renew_certificates"))
    story.sweep()
    story.settle(LONG)
    return [one.status for one in story.executions("renew_certificates")[before:]]


def assert_served(story: Story) -> None:
    """Every product of every node serves what is recorded of it."""
    for instance_id, serial in serials(story).items():
        host = story.data_center.simulated.world.hosts[instance_id]
        assert host.served == dict.fromkeys(host.running, serial)
        assert not host.next_request


def test_what_a_node_holds_is_known_when_it_is_in_service(three: Story) -> None:
    assert set(serials(three)) == nodes(three)
    assert len(set(serials(three).values())) == 5
    for one in three.certificates().values():
        assert one["not_after"] - one["not_before"] == 30 * 86_400
    assert_served(three)
    assert sweep(three) == [], "none is due"


def test_a_sweep_renews_what_is_due_servers_one_after_the_other(three: Story) -> None:
    before, began = serials(three), len(three.sent)
    three.age_certificates(DUE)
    assert sweep(three) == ["SUCCEEDED"]
    assert not set(before.values()) & set(serials(three).values())
    assert set(serials(three)) == nodes(three)
    assert_served(three)
    renewing = [sent for sent in three.sent[began:] if sent.phase in STEPS]
    servers = set(three.states("servers"))
    order = [instance_id for instance_id, _ in groupby(one.instance_id for one in renewing)]
    assert set(order[:3]) == servers, "each server in one go, before the clients"
    assert not servers & set(order[3:])
    for server in servers:
        mine = [sent.phase for sent in renewing if sent.instance_id == server]
        assert [phase for phase, _ in groupby(mine)] == list(STEPS)
    told = [entry for entry in three.journal() if entry["what"] == "certificate"]
    assert {entry["node"] for entry in told if entry["decision"] == "renew"} == nodes(three)
    assert three.records("lease")["membership"]["owner"] is None
    assert sweep(three) == [], "and then none is due"


def test_a_server_that_fails_keeps_its_certificate_and_the_others_are_left_alone(three: Story) -> None:
    before = serials(three)
    three.age_certificates(DUE)
    three.faults.fail("nomad", "reload", reason="nomad does not take it")
    assert sweep(three) == ["FAILED"]
    assert serials(three) == before
    assert {one["not_after"] for one in three.certificates().values()}, "their ends are known still"
    [failed] = [one for one in three.journal() if one["what"] == "certificate" and one["decision"] == "fail"]
    assert "nomad does not take it" in failed["reason"]
    assert sweep(three) == ["SUCCEEDED"], "the next run begins where this one ended"
    assert not set(before.values()) & set(serials(three).values())
    assert_served(three)
    assert three.records("lease")["membership"]["owner"] is None


def test_a_client_that_fails_holds_nobody_up(three: Story) -> None:
    before, client = serials(three), min(three.states("default"))
    three.age_certificates(DUE)
    three.faults.fail("consul", "reload", instance_id=client, reason="it hangs")
    assert sweep(three) == ["SUCCEEDED"]
    assert {one for one in before if serials(three)[one] == before[one]} == {client}
    assert sweep(three) == ["SUCCEEDED"]
    assert serials(three)[client] != before[client]
    assert_served(three)


def test_a_run_that_died_is_taken_up_with_the_key_that_was_made(three: Story) -> None:
    server = min(three.states("servers"))
    three.age_certificates(DUE, server)
    three.faults.slow("ca", "configure", 1.0)
    host = three.data_center.simulated.world.hosts[server]
    three.sweep()
    three.wait_until(lambda: bool(host.next_request), LONG, lambda: "no key was made")
    prepared = host.next_request
    [running] = [one for one in three.executions("renew_certificates") if one.status == "RUNNING"]
    three.aws.client("stepfunctions").stop_execution(executionArn=running.arn)
    three.settle(LONG)
    three.faults.clear()
    three.expire_lease()
    assert sweep(three) == ["SUCCEEDED"]
    assert host.request == prepared or not host.next_request
    assert_served(three)


def test_a_client_that_asks_for_a_server_s_name_is_refused_told_and_stays_what_it_is(
    three: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, client = serials(three), min(three.states("default"))
    host = three.data_center.simulated.world.hosts[client]
    host.next_request = make_request(common_name="server.dc1.consul")
    three.age_certificates(DUE, client)
    assert sweep(three) == ["SUCCEEDED"]
    assert serials(three) == before
    told = [one for one in three.journal() if one["what"] == "certificate" and one["node"] == client][-2:]
    assert [one["decision"] for one in told] == ["refuse", "fail"]
    assert all("asks for the name 'server.dc1.consul'" in one["reason"] for one in told)
    host.next_request = ""
    assert sweep(three) == ["SUCCEEDED"]
    assert serials(three)[client] != before[client]


def test_the_next_authority_takes_over_one_node_after_the_other(three: Story) -> None:
    """Its key is there since the first deploy, and everybody trusts it since then."""
    before = serials(three)
    assert {one["authority"] for one in three.certificates().values()} == {1}
    three.set_ca_generation(2)
    assert sweep(three) == ["SUCCEEDED"]
    assert not set(before.values()) & set(serials(three).values())
    assert {one["authority"] for one in three.certificates().values()} == {2}
    assert_served(three)
    for instance_id in nodes(three):
        files = three.data_center.simulated.world.hosts[instance_id].files
        first, *others = x509.load_pem_x509_certificates(files[CA_FILE].encode())
        x509.load_pem_x509_certificate(files[CERTIFICATE_FILE].encode()).verify_directly_issued_by(first)
        assert first.subject.rfc4514_string() == "CN=Quorate three authority 2"
        assert [one.subject.rfc4514_string() for one in others] == ["CN=Quorate three authority"]
    assert sweep(three) == []


def test_what_ends_soon_rings(three: Story) -> None:
    client = min(three.states("default"))
    three.age_certificates(26, client)
    three.faults.fail("ca", "request", times=2, instance_id=client, reason="no entropy")
    for _ in range(2):
        sweep(three)
    said = [line["message"] for line in three.log_lines(of="check_certificates")]
    assert said.count("its certificate ends soon: 4.0 days") == 2
    sweep(three)
    assert sweep(three) == []


def test_what_a_node_held_is_forgotten_with_it(three: Story) -> None:
    three.scale(clients=1)
    three.settle(LONG)
    assert set(serials(three)) == nodes(three)
