"""The metadata service, over loopback: each test says which host an address belongs to."""

import http.client
import json
import socket
import struct
import threading
import time
from collections.abc import Iterator, Mapping
from http.server import ThreadingHTTPServer

import pytest

from lab.hosts.metadata import (
    TOKEN_HEADER,
    TOKEN_PATH,
    TTL_HEADER,
    Metadata,
    access_key_of,
    architecture,
    instance_of,
    target_of,
)
from lab.hosts.metadata_server import MetadataServer
from lab.hosts.seam import Machine

MACHINE = Machine(
    instance_id="i-0123456789abcdef0",
    private_ip="10.77.1.11",
    subnet_cidr="10.77.1.0/24",
    vpc_cidr="10.77.0.0/16",
    region="eu-central-1",
    availability_zone="eu-central-1b",
    instance_type="t4g.small",
    image_id="ami-0abc",
    user_data="",
    instance_profile_arn="arn:aws:iam::123456789012:instance-profile/servers",
    role_name="quorate-servers",
    autoscaling_group="servers",
    tags={"Name": "server", "quorate:cluster": "one"},
)


class Lab:
    """One metadata server whose callers are whom the test says."""

    def __init__(self) -> None:
        self.caller: Machine | None = MACHINE
        self.state: str | None = None
        metadata = Metadata(lambda address: self.caller, lambda instance_id: self.state)
        self.server = MetadataServer(metadata, "127.0.0.1", 0)

    def ask(self, method: str, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, str]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=5)
        try:
            connection.request(method, path, headers=dict(headers or {}))
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()

    def token(self, seconds: int = 60) -> dict[str, str]:
        status, token = self.ask("PUT", TOKEN_PATH, {TTL_HEADER: str(seconds)})
        assert status == 200
        return {TOKEN_HEADER: token}

    def get(self, path: str) -> tuple[int, str]:
        return self.ask("GET", f"/latest/{path}", self.token())


@pytest.fixture
def lab() -> Iterator[Lab]:
    lab = Lab()
    yield lab
    lab.server.close()


def test_without_a_token_nothing_is_said(lab: Lab) -> None:
    assert lab.ask("GET", "/latest/meta-data/instance-id") == (401, "")
    assert lab.ask("GET", "/latest/meta-data/instance-id", {TOKEN_HEADER: "guess"})[0] == 401


@pytest.mark.parametrize("seconds", ["", "0", "21601", "-1", "x"])
def test_a_token_needs_a_lifetime_within_bounds(lab: Lab, seconds: str) -> None:
    assert lab.ask("PUT", TOKEN_PATH, {TTL_HEADER: seconds})[0] == 400


def test_a_forwarded_token_request_is_refused(lab: Lab) -> None:
    assert lab.ask("PUT", TOKEN_PATH, {TTL_HEADER: "60", "X-Forwarded-For": "10.0.0.1"})[0] == 403


def test_a_token_is_good_for_the_host_that_asked_only(lab: Lab) -> None:
    token = lab.token()
    lab.caller = Machine(**{**vars(MACHINE), "instance_id": "i-0fedcba9876543210"})
    assert lab.ask("GET", "/latest/meta-data/instance-id", token)[0] == 401


def test_a_token_ends(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    token = lab.token(seconds=1)
    later = time.monotonic() + 2
    monkeypatch.setattr("lab.hosts.metadata.time.monotonic", lambda: later)
    assert lab.ask("GET", "/latest/meta-data/instance-id", token)[0] == 401


def test_an_address_of_no_host_is_told_nothing(lab: Lab) -> None:
    lab.caller = None
    assert lab.ask("PUT", TOKEN_PATH, {TTL_HEADER: "60"})[0] == 404


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("meta-data/instance-id", "i-0123456789abcdef0"),
        ("meta-data/local-ipv4", "10.77.1.11"),
        ("meta-data/local-hostname", "ip-10-77-1-11.eu-central-1.compute.internal"),
        ("meta-data/placement/region", "eu-central-1"),
        ("meta-data/placement/availability-zone", "eu-central-1b"),
        ("meta-data/instance-type", "t4g.small"),
        ("meta-data/mac", "0a:ff:0a:4d:01:0b"),
        ("meta-data/services/domain", "amazonaws.com"),
        ("meta-data/iam/security-credentials/", "quorate-servers"),
        ("meta-data/tags/instance/", "Name\nquorate:cluster"),
        ("meta-data/tags/instance/quorate:cluster", "one"),
        ("meta-data/placement", "availability-zone\nregion"),
    ],
)
def test_values(lab: Lab, path: str, value: str) -> None:
    assert lab.get(path) == (200, value)


@pytest.mark.parametrize("path", ["meta-data/spot/instance-action", "user-data", "meta-data/instance-id/x"])
def test_what_is_not_there_is_404(lab: Lab, path: str) -> None:
    assert lab.get(path)[0] == 404


def test_the_listing_marks_categories(lab: Lab) -> None:
    listing = lab.get("meta-data/")[1].splitlines()
    assert {"instance-id", "iam/", "placement/"} <= set(listing)


def test_the_target_lifecycle_state_is_asked_each_time(lab: Lab) -> None:
    path = "meta-data/autoscaling/target-lifecycle-state"
    assert lab.get(path)[0] == 404
    lab.state = "InService"
    assert lab.get(path) == (200, "InService")
    lab.state = "Terminating:Wait"
    assert lab.get(path) == (200, "Terminated")


@pytest.mark.parametrize(
    ("state", "target"),
    [
        ("Pending", "InService"),
        ("Pending:Wait", "InService"),
        ("Pending:Proceed", "InService"),
        ("InService", "InService"),
        ("Terminating", "Terminated"),
        ("Terminating:Wait", "Terminated"),
        ("Terminating:Proceed", "Terminated"),
        ("Terminated", "Terminated"),
        ("EnteringStandby", "Standby"),
        ("Standby", "Standby"),
        ("Detaching", "Detached"),
        ("Warmed:Stopped", "Warmed:Stopped"),
        (None, None),
    ],
)
def test_a_state_on_the_way_is_seen_as_where_it_leads(state: str | None, target: str | None) -> None:
    assert target_of(state) == target


def test_role_credentials_are_the_instance_s_own_and_stay(lab: Lab) -> None:
    path = "meta-data/iam/security-credentials/quorate-servers"
    first, again = (json.loads(lab.get(path)[1]) for _ in range(2))
    assert first["Code"] == "Success"
    assert instance_of(first["AccessKeyId"]) == MACHINE.instance_id
    assert first["SecretAccessKey"] == again["SecretAccessKey"]
    lab.caller = Machine(**{**vars(MACHINE), "instance_id": "i-0fedcba9876543210"})
    other = json.loads(lab.get(path)[1])
    assert other["SecretAccessKey"] != first["SecretAccessKey"]
    assert other["Token"] != first["Token"]


def test_a_host_without_a_role_has_no_credentials(lab: Lab) -> None:
    lab.caller = Machine(**{**vars(MACHINE), "role_name": None})
    assert lab.get("meta-data/iam/security-credentials/")[0] == 404


def test_the_identity_document_agrees(lab: Lab) -> None:
    document = json.loads(lab.get("dynamic/instance-identity/document")[1])
    assert document["region"] == "eu-central-1"
    assert document["privateIp"] == "10.77.1.11"
    assert document["architecture"] == "arm64"


def test_a_host_that_goes_away_in_the_middle_is_no_error(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    ended = threading.Event()
    shut_down = ThreadingHTTPServer.shutdown_request

    def told(server: ThreadingHTTPServer, request: socket.socket) -> None:
        shut_down(server, request)
        ended.set()

    monkeypatch.setattr(ThreadingHTTPServer, "shutdown_request", told)
    reported: list[object] = []
    monkeypatch.setattr(ThreadingHTTPServer, "handle_error", lambda *told: reported.append(told))
    with socket.create_connection(("127.0.0.1", lab.server.port)) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # closing resets
        connection.sendall(b"GET /latest/")
    assert ended.wait(5)
    assert reported == []


def test_botocore_finds_region_and_credentials(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """A real SDK's client, version 2 of the protocol only."""
    from botocore.utils import InstanceMetadataFetcher, InstanceMetadataRegionFetcher

    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "false")
    monkeypatch.setenv("AWS_EC2_METADATA_V1_DISABLED", "true")
    base = f"http://127.0.0.1:{lab.server.port}/"
    assert InstanceMetadataRegionFetcher(base_url=base).retrieve_region() == "eu-central-1"
    found = InstanceMetadataFetcher(base_url=base).retrieve_iam_role_credentials()
    assert found["role_name"] == "quorate-servers"
    assert found["access_key"] == access_key_of(MACHINE.instance_id)


@pytest.mark.parametrize("key", ["AKIA0123456789ABCDEF0", "ASIAXYZ", "ASIA0123456789ABCDEFG0", ""])
def test_other_access_keys_are_no_instance_s(key: str) -> None:
    assert instance_of(key) is None


@pytest.mark.parametrize(
    ("instance_type", "expected"),
    [("t4g.small", "arm64"), ("m7gd.large", "arm64"), ("a1.medium", "arm64"), ("t3.small", "x86_64"),
     ("g4dn.xlarge", "x86_64"), ("c6i.large", "x86_64"), ("im4gn.large", "arm64")],
)  # fmt: skip
def test_architecture_follows_the_family(instance_type: str, expected: str) -> None:
    assert architecture(instance_type) == expected
