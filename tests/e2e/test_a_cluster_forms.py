"""The whole way: groups get their size, and a secured cluster runs a job, with nobody logging in.

How it grows and shrinks afterwards: test_goodbyes.
"""

import socket
import ssl
import urllib.error
from collections.abc import Iterator

import pytest

from lab.laboratory import Laboratory
from tests.e2e.cluster import PORTS, assert_quorate, executions, get

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def lab() -> Iterator[Laboratory]:
    with Laboratory("container") as laboratory:
        laboratory.wait_formed()
        yield laboratory


def test_three_servers_are_voters_of_all_three_products_and_unsealed(lab: Laboratory) -> None:
    survey = lab.survey()
    assert_quorate(survey, voters=3)
    assert len(survey.clients_ready) == 1


def test_nobody_initialised_anything_twice(lab: Laboratory) -> None:
    assert executions(lab, "form_cluster") == ["lab-g1-a1"]
    assert lab.formation()["status"] == "formed"


@pytest.mark.parametrize(
    ("product", "path"),
    [
        ("consul", "agent/self"),
        ("consul", "kv/anything"),
        ("vault", "sys/storage/raft/configuration"),
        ("nomad", "jobs"),
        ("nomad", "operator/raft/configuration"),
    ],
)
def test_a_request_without_a_token_is_refused(lab: Laboratory, product: str, path: str) -> None:
    for address in lab.servers(product).values():
        status, text = get(lab, f"https://{address}:{PORTS[product]}/v1/{path}")
        assert status == 403, text


@pytest.mark.parametrize("product", PORTS)
def test_plaintext_gets_no_answer_from_an_api(lab: Laboratory, product: str) -> None:
    address = next(iter(lab.servers(product).values()))
    try:
        status, text = get(lab, f"http://{address}:{PORTS[product]}/v1/status/leader")
    except (urllib.error.URLError, OSError):
        return
    assert status == 400, text


@pytest.mark.parametrize(
    ("product", "port", "first_byte"),
    [("consul", 8300, b"\x03"), ("nomad", 4647, b"\x04"), ("vault", 8201, b"")],
)
def test_rpc_without_a_certificate_of_the_cluster_ends_in_the_handshake(
    lab: Laboratory, product: str, port: int, first_byte: bytes
) -> None:
    """The first byte says "TLS follows" to Consul and Nomad (RPCTLS, RpcTLS); Vault's cluster port is TLS at once."""
    address = next(iter(lab.servers(product).values()))
    anybody = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    with lab.data_center.inside(), socket.create_connection((address, port), timeout=5) as connection:
        connection.sendall(first_byte)
        with pytest.raises(ssl.SSLError, match=r"(?i)alert"):
            _say_something(anybody, connection)


def _say_something(context: ssl.SSLContext, connection: socket.socket) -> None:
    """In TLS 1.3 the server's refusal of a missing certificate is read after the client believes to be through."""
    with context.wrap_socket(connection) as secured:
        secured.sendall(b"anything")
        secured.recv(1)


def test_a_docker_job_on_a_bridge_answers_over_http_and_is_in_consul(lab: Laboratory) -> None:
    lab.submit_job()
    job = lab.wait_job()
    (allocation,) = job.allocations
    assert allocation.instance_id in lab.survey().clients_ready
    status, text = get(lab, f"http://{allocation.address}/")
    assert (status, bool(text.strip())) == (200, True)
    networks = lab.run_script(
        allocation.instance_id, "#!/bin/bash\nip -brief address show nomad; docker ps --format '{{.Image}}'\n"
    )
    assert "172.26.64.1" in networks.stdout, "the bridge of Nomad's CNI network"
    assert "quorate/hello:1" in networks.stdout


def test_a_second_client_takes_part(lab: Laboratory) -> None:
    lab.scale(clients=2)
    lab.wait_in_service()
    lab.wait_until(lambda: len(lab.survey().clients_ready) == 2, 60, lambda: str(lab.survey().clients_ready))


def test_a_client_that_is_scaled_in_leaves_and_goes(lab: Laboratory) -> None:
    lab.scale(clients=1)
    lab.wait_in_service()
    lab.wait_until(lambda: len(lab.survey().clients_ready) == 1, 60, lambda: str(lab.survey().clients_ready))
    assert len(executions(lab, "node_terminate", "SUCCEEDED")) == 1
