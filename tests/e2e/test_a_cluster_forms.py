"""The whole way: groups get their size, and a secured cluster runs a job, with nobody logging in.

How it grows and shrinks afterwards: test_goodbyes.
"""

import json
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from lab.function_log import FunctionLog
from lab.laboratory import Laboratory
from lab.leak_hunt import Watch, hunt
from lab.writers import Writers
from lambdas.domain import names
from tests.e2e import leaks
from tests.e2e.certificates import LOG_IN, RAFT, assert_served, pair_of, pair_of_another_authority, takes_raft
from tests.e2e.cluster import PORTS, assert_quorate, executions, get
from tests.e2e.vault import as_root, assert_a_job_reads, read_as_task

pytestmark = pytest.mark.e2e


BEGAN_AT = time.time()


@pytest.fixture(scope="module")
def processes() -> Iterator[Watch]:
    """What every process since before the first host booted was called with."""
    with Watch() as watch:
        yield watch


@pytest.fixture(scope="module")
def function_log() -> Iterator[FunctionLog]:
    with FunctionLog() as log:
        yield log


@pytest.fixture(scope="module")
def lab(processes: Watch, function_log: FunctionLog) -> Iterator[Laboratory]:
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


def test_servers_of_nomad_take_in_whom_they_have_introduced(lab: Laboratory) -> None:
    """Refused is who was not: test_documents_on_real_products."""
    servers, clients = lab.servers("nomad"), lab.survey().clients_ready
    with lab.data_center.inside():
        for address in servers.values():
            told = lab.apis.call("nomad", address, "agent/self")["config"]["Server"]["ClientIntroduction"]
            assert told["Enforcement"] == "strict"
        nodes = lab.apis.first("nomad", list(servers.values()), "nodes")
    assert {node["Name"] for node in nodes} == set(clients)
    document, ssm = names.document(lab.config.name, "nomad", "introduce"), lab.aws.client("ssm")
    ran = [
        (one["InstanceId"], one["Status"])
        for page in ssm.get_paginator("list_command_invocations").paginate()
        for one in page["CommandInvocations"]
        if one["DocumentName"] == document
    ]
    assert len(ran) == len(clients)
    assert all(server in servers and status == "Success" for server, status in ran)
    for client in clients:
        assert lab.run_script(client, "#!/bin/bash\nls -A /var/lib/nomad/client | grep -c jwt\n").stdout.strip() == "0"


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


@pytest.mark.parametrize("product", RAFT)
def test_a_client_s_certificate_makes_nobody_a_server(lab: Laboratory, product: str) -> None:
    """It is let in as what it is, and hung up on where it says that it speaks Raft."""
    address, (client,) = next(iter(lab.servers("consul").values())), lab.survey().clients_ready
    with pair_of(lab, client) as pair:
        assert not takes_raft(lab, product, address, pair)
    with pair_of(lab, next(iter(lab.servers("nomad")))) as pair:
        assert takes_raft(lab, product, address, pair), "a server's is taken"


def test_a_client_s_certificate_logs_nobody_into_vault(lab: Laboratory) -> None:
    address, (client,) = next(iter(lab.servers("vault").values())), lab.survey().clients_ready
    refused = json.loads(lab.run_script(client, LOG_IN.format(address=address)).stdout)
    assert "auth" not in refused
    assert "constraints" in str(refused["errors"]) or "invalid certificate" in str(refused["errors"])
    let_in = json.loads(lab.run_script(next(iter(lab.servers("vault"))), LOG_IN.format(address=address)).stdout)
    assert let_in["auth"]["policies"]


def test_a_certificate_of_another_authority_is_nobody_s(lab: Laboratory) -> None:
    """Whatever names it has."""
    address = next(iter(lab.servers("consul").values()))
    with pair_of_another_authority(lab) as pair:
        for product in RAFT:
            with pytest.raises(ssl.SSLError, match=r"(?i)alert"):
                takes_raft(lab, product, address, pair)
        context = ssl.create_default_context(cadata=lab.apis.authority())
        context.load_cert_chain(pair)
        login = urllib.request.Request(f"https://{address}:8200/v1/auth/cert/login", data=b"{}", method="POST")
        with lab.data_center.inside(), pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(login, timeout=5, context=context)  # noqa: S310
        assert refused.value.code in (400, 403)


STARTED = """#!/bin/bash
systemctl show consul vault nomad --property=Id,ActiveEnterTimestamp,NRestarts,MainPID
"""


def test_every_certificate_is_renewed_under_load_and_no_write_is_lost(
    lab: Laboratory, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {instance_id: one["serial"] for instance_id, one in lab.certificates().items()}
    assert_served(lab)
    started = {instance_id: lab.run_script(instance_id, STARTED).stdout for instance_id in before}
    lab.age_certificates(days=21)
    with Writers(lab) as writers:
        lab.sweep()
        lab.wait_until(lambda: bool(executions(lab, "renew_certificates")), 60, lambda: "no renewal was started")
        lab.wait_until(
            lambda: not executions(lab, "renew_certificates", "RUNNING"), 300, lambda: str(lab.journal()[-5:])
        )
    assert executions(lab, "renew_certificates", "SUCCEEDED"), str(lab.journal()[-5:])
    now = {instance_id: one["serial"] for instance_id, one in lab.certificates().items()}
    assert set(now) == set(before)
    assert not set(now.values()) & set(before.values())
    assert_served(lab)
    assert {instance_id: lab.run_script(instance_id, STARTED).stdout for instance_id in before} == started, "restarted"
    assert_quorate(lab.survey(), voters=3)
    assert len(lab.survey().clients_ready) == 1
    with capsys.disabled():
        for product, ledger in writers.ledgers.items():
            print(f"\n{product}: {ledger.as_json()}", end="")
    assert writers.lost() == {product: [] for product in PORTS}
    for product, ledger in writers.ledgers.items():
        assert not ledger.failed, f"{product}: {ledger.as_json()}"


def test_the_next_authority_takes_over_under_load_and_no_write_is_lost(lab: Laboratory) -> None:
    """Nodes, Vault's login and Consul's auth method trust it since formation. The job that follows has a certificate of
    the new authority at each end: Consul's, and Nomad's, whose keys Consul fetches."""
    before = len(executions(lab, "renew_certificates"))
    lab.set_ca_generation(2)
    with Writers(lab) as writers:
        lab.sweep()
        lab.wait_until(lambda: len(executions(lab, "renew_certificates")) > before, 60, lambda: "nothing was started")
        lab.wait_until(
            lambda: not executions(lab, "renew_certificates", "RUNNING"), 300, lambda: str(lab.journal()[-5:])
        )
    assert {one["authority"] for one in lab.certificates().values()} == {2}, str(lab.journal()[-5:])
    assert_served(lab)
    assert_quorate(lab.survey(), voters=3)
    assert writers.lost() == {product: [] for product in PORTS}
    for product, ledger in writers.ledgers.items():
        assert not ledger.failed, f"{product}: {ledger.as_json()}"


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


def test_a_job_reads_its_secret_of_vault_by_its_identity_and_is_in_consul(lab: Laboratory) -> None:
    """There is no token in its file: Nomad says who it is, Vault and Consul believe Nomad."""
    with lab.data_center.inside(), as_root(lab) as ask:
        ask("POST", "secret/data/default/hello", {"data": {"word": "of another job"}})
    allocation = assert_a_job_reads(lab, "a word that Vault alone was told")
    own, below, other = (f"secret/data/default/{path}" for path in ("reader", "reader/below", "hello"))
    answered = read_as_task(lab, allocation, "httpd", own, below, other, "secret/metadata/default?list=true")
    assert list(answered.values()) == [200, 404, 403, 403], "its own, and nobody else's"


@pytest.mark.parametrize("name", ["vault.service.consul", "nomad.service.consul"])
def test_servers_are_found_by_a_name_that_each_of_them_proves(lab: Laboratory, name: str) -> None:
    """On every node, whichever servers there are by now; AWS's own names are still found beside it."""
    port = {"vault": "8200/v1/sys/seal-status", "nomad": "4646/v1/status/leader"}[name.split(".")[0]]
    for instance_id in [*lab.servers("nomad"), *lab.survey().clients_ready]:
        asked = lab.run_script(
            instance_id,
            f"#!/bin/bash\nset -e\ngetent ahostsv4 {name} | cut -d' ' -f1 | sort -u | wc -l\n"
            f"curl --silent --fail --show-error --cacert /etc/quorate/tls/ca.pem https://{name}:{port} >/dev/null\n"
            f"getent ahostsv4 s3.{lab.config.region}.amazonaws.com >/dev/null\n",
        )
        assert (asked.exit_code, asked.stdout.strip()) == (0, "3"), asked.stderr


def test_a_second_client_takes_part(lab: Laboratory) -> None:
    lab.scale(clients=2)
    lab.wait_in_service()
    lab.wait_until(lambda: len(lab.survey().clients_ready) == 2, 60, lambda: str(lab.survey().clients_ready))


def test_a_client_that_is_scaled_in_leaves_and_goes(lab: Laboratory) -> None:
    lab.scale(clients=1)
    lab.wait_in_service()
    lab.wait_until(lambda: len(lab.survey().clients_ready) == 1, 60, lambda: str(lab.survey().clients_ready))
    assert len(executions(lab, "node_terminate", "SUCCEEDED")) == 1


def test_no_secret_is_seen_anywhere(lab: Laboratory, processes: Watch, function_log: FunctionLog) -> None:
    """After all of the above: forming, a job, a client in and out."""
    secrets = leaks.secrets(lab)
    assert len(secrets) >= 30, "gossip keys, tokens, recovery keys, a private key for each host"
    assert processes.processes_seen > 500, "the watch saw a formation's processes"
    assert hunt(secrets, leaks.places(lab, function_log.text, processes, since=BEGAN_AT)) == []


PLANTS = {
    "file": ("echo {secret} >/var/tmp/planted", ": /var/tmp/planted"),
    "file in hex": ("printf %s {secret} | od -An -tx1 | tr -d ' \\n' >/etc/planted", ": /etc/planted"),
    "journal": ("logger planted {secret}", ": journal"),
    "argument": ("sleep 1 & exec -a 'curl --header X-Token:{secret}' sleep 1", "arguments of a process"),
    "environment": ("TOKEN={secret} sleep 1", "environment of a process"),
}


@pytest.mark.parametrize("kind", PLANTS)
def test_a_leak_on_a_host_is_found(lab: Laboratory, processes: Watch, function_log: FunctionLog, kind: str) -> None:
    script, where = PLANTS[kind]
    secret = f"planted-as-{kind.replace(' ', '-')}-0123456789"
    # From a file: the lab's own way to run a script names it in no argument.
    lab.run_script(leaks.hosts(lab)[0], f"#!/bin/bash\n{script.format(secret=secret)}\n")
    found = hunt({kind: secret}, leaks.places(lab, function_log.text, processes, since=BEGAN_AT))
    assert [leak.where for leak in found if leak.where.endswith(where)], found
