"""Simulated hosts through the seam: documents in, exit codes and JSON lines out."""

import hashlib
import json
import threading
import time
from collections.abc import Iterator

import boto3
import pytest
from cryptography import x509

from lab.hosts.seam import Machine, Ran, Run
from lab.hosts.simulated import SimulatedHosts
from tests.unit.account import an_account

BUCKET = "quorate-demo"
PREFIX = "quorate/demo/"
TABLE = "demo-table"


class Bench:
    """Hosts over a mocked S3 and Secrets Manager, and short ways to run a document."""

    def __init__(self) -> None:
        self.hosts = SimulatedHosts(time_scale=0.02)
        self.s3 = boto3.client("s3", region_name="us-east-1")
        self.s3.create_bucket(Bucket=BUCKET)
        secrets = boto3.client("secretsmanager", region_name="us-east-1")
        for name in (
            "consul/gossip-key",
            "consul/management-token",
            "consul/agent-token-server",
            "consul/agent-token-client",
            "nomad/gossip-key",
            "nomad/management-token",
            "nomad/consul-token-server",
            "nomad/consul-token-client",
            "vault/recovery-keys",
        ):
            secrets.create_secret(Name=PREFIX + name)
        secrets.create_secret(Name=PREFIX + "nomad/introduction-token", SecretString="with which servers introduce")
        self.dynamodb = boto3.client("dynamodb", region_name="us-east-1")
        self.dynamodb.create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")],
        )
        self.hold_lease()

    def hold_lease(self, fencing: int = 1, owner: str | None = "an execution", seconds: float = 300) -> None:
        item = {
            "pk": {"S": "lease"},
            "sk": {"S": "membership"},
            "owner": {"S": owner} if owner else {"NULL": True},
            "fencing": {"N": str(fencing)},
            "held_until": {"N": str(time.time() + seconds)},
        }
        self.dynamodb.put_item(TableName=TABLE, Item=item)

    def change(self, on: str, product: str, phase: str, peer_id: str, kind: str = "server", **parameters: str) -> Ran:
        """A command that changes membership, of turn 1."""
        given = {
            **({"Kind": kind} if phase != "hand_over" else {}),
            "Fencing": "1",
            "LeaseTable": TABLE,
            "PeerId": peer_id,
            "Subject": "-",
            "FewestVoters": "0",
            "SpareVoters": "0",
            **parameters,
        }
        return self.run(on, product, phase, **given)

    def raft_id(self, product: str, instance_id: str) -> str:
        return self.hosts.world.servers[product].raft_id(instance_id)

    def boot(self, number: int, **tags: str) -> str:
        instance_id = f"i-{number:017x}"
        self.hosts.boot(
            Machine(
                instance_id=instance_id,
                private_ip=f"10.77.0.{number}",
                subnet_cidr="10.77.0.0/24",
                vpc_cidr="10.77.0.0/16",
                region="us-east-1",
                availability_zone="us-east-1a",
                instance_type="t4g.medium",
                image_id="ami-1",
                user_data="",
                instance_profile_arn=None,
                role_name=None,
                autoscaling_group=None,
                tags=tags or {"serves": "demo"},
            )
        )
        return instance_id

    def run(self, instance_id: str, component: str, phase: str, timeout: float = 5, **parameters: str) -> Ran:
        given = {"Cluster": "demo", "Region": "us-east-1", "Bucket": BUCKET, "SecretsPrefix": PREFIX}
        given |= {"Introduction": "-"} | parameters
        document = f"quorate-demo-{component}-{phase}"
        return self.hosts.run(instance_id, Run("c-1", document, given, "", {}, timeout))

    def put(self, key: str, body: bytes) -> str:
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)
        return hashlib.sha256(body).hexdigest()

    def install(self, instance_id: str, product: str) -> Ran:
        digest = self.put(f"artifacts/{product}", product.encode())
        artifact = {"ArtifactKey": f"artifacts/{product}", "ArtifactSha256": digest, "Version": "1.0.0"}
        return self.run(instance_id, product, "install", **artifact)

    def configure(
        self, instance_id: str, product: str, content: object, values: object = None, kind: str = "server"
    ) -> Ran:
        files = [{"path": f"/etc/{product}.d/{product}.json", "content": json.dumps(content)}]
        return self.deliver(instance_id, product, "configure", {"files": files, "values": values or {}}, Kind=kind)

    def deliver(
        self, instance_id: str, component: str, phase: str, delivery: object, timeout: float = 5, **parameters: str
    ) -> Ran:
        digest = self.put("nodes/file-set.json", json.dumps(delivery).encode())
        reference = {"ConfigurationKey": "nodes/file-set.json", "ConfigurationSha256": digest}
        return self.run(instance_id, component, phase, timeout, **reference, **parameters)

    def server(self, number: int, product: str = "consul", expect: int | None = 3) -> str:
        """A started server."""
        instance_id = self.boot(number)
        content: dict[str, object] = {
            "retry_join": ["provider=aws tag_key=serves tag_value=demo"],
            "autopilot": {"cleanup_dead_servers": False},
        }
        if expect:
            content["bootstrap_expect"] = expect
        assert self.install(instance_id, product).exit_code == 0
        assert self.configure(instance_id, product, content).exit_code == 0
        assert self.run(instance_id, product, "start", Kind="server").exit_code == 0
        return instance_id

    def clusters(self, product: str) -> list[tuple[str, ...]]:
        return [tuple(raft.peers) for raft in self.hosts.world.servers[product].clusters]


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with an_account():
        yield Bench()


VAULT_BOOTSTRAP = {
    "files": [],
    "values": {
        "initialise": {"recovery_shares": 5, "recovery_threshold": 3},
        "threshold": 3,
        "writes": [
            {
                "path": "sys/storage/raft/autopilot/configuration",
                "body": {"min_quorum": 3, "cleanup_dead_servers": False, "server_stabilization_time": "1s"},
            }
        ],
    },
}


def reason(ran: Ran) -> str:
    return str(json.loads(ran.stdout)["reason"])


def test_ca_install_makes_one_request_and_keeps_it(bench: Bench) -> None:
    node = bench.boot(1)
    first = bench.run(node, "ca", "install", PrerequisitesKey="-", PrerequisitesSha256="-")
    request = x509.load_pem_x509_csr(json.loads(first.stdout)["certificate_request"].encode())
    assert request.is_signature_valid
    again = bench.run(node, "ca", "install", PrerequisitesKey="-", PrerequisitesSha256="-")
    assert json.loads(again.stdout) == {**json.loads(first.stdout), "changed": False}


def test_a_wrong_checksum_ends_the_install_and_touches_nothing(bench: Bench) -> None:
    node = bench.boot(1)
    bench.put("artifacts/consul", b"tampered")
    ran = bench.run(node, "consul", "install", ArtifactKey="artifacts/consul", ArtifactSha256="0" * 64, Version="1.0.0")
    assert ran.exit_code == 70
    assert "checksum of artifacts/consul" in reason(ran)
    assert bench.hosts.world.hosts[node].installed == {}


def test_a_missing_parameter_is_the_caller_s_mistake(bench: Bench) -> None:
    ran = bench.run(bench.boot(1), "consul", "install")
    assert (ran.exit_code, reason(ran)) == (64, "missing parameters: ArtifactKey ArtifactSha256 Version")


def test_configure_waits_for_secrets_that_are_not_there_yet(bench: Bench) -> None:
    node = bench.boot(1)
    bench.install(node, "consul")
    wanted = {"secrets": [{"path": ["encrypt"], "secret": "consul/gossip-key"}]}
    assert bench.configure(node, "consul", {}, wanted).exit_code == 75
    assert bench.run(node, "consul", "secrets", Generation="1").exit_code == 0
    assert bench.configure(node, "consul", {}, wanted).exit_code == 0
    assert "encrypt" in json.loads(bench.hosts.world.hosts[node].files["/etc/consul.d/secrets.json"])


def test_secrets_are_made_once(bench: Bench) -> None:
    node = bench.boot(1)
    first = json.loads(bench.run(node, "consul", "secrets", Generation="1").stdout)
    again = json.loads(bench.run(node, "consul", "secrets", Generation="1").stdout)
    assert (first["made"] > 0, again["made"]) == (True, 0)


def test_as_many_servers_as_expected_make_one_cluster(bench: Bench) -> None:
    servers = [bench.server(number) for number in (1, 2)]
    assert bench.clusters("consul") == []
    servers.append(bench.server(3))
    assert bench.clusters("consul") == [tuple(servers)]


def test_a_server_without_bootstrap_expect_joins_and_votes_once_stable(bench: Bench) -> None:
    founders = [bench.server(number) for number in (1, 2, 3)]
    late = bench.server(4, expect=None)
    assert bench.clusters("consul") == [(*founders, late)]
    raft = bench.hosts.world.servers["consul"].clusters[0]
    assert not raft.is_voter(late)
    assert bench.run(late, "consul", "verify", Kind="server").exit_code == 0
    assert raft.is_voter(late)


def test_servers_that_bootstrap_alone_split_the_brain(bench: Bench) -> None:
    """What `bootstrap_expect` outside formation would do."""
    one, two = bench.server(1, expect=1), bench.server(2, expect=1)
    assert bench.clusters("consul") == [(one,), (two,)]


def test_acls_are_bootstrapped_once_and_another_token_is_refused(bench: Bench) -> None:
    seed, *_ = (bench.server(number) for number in (1, 2, 3))
    bench.run(seed, "consul", "secrets", Generation="1")
    given = {"values": {"management_secret": "consul/management-token"}, "files": []}
    first = bench.deliver(seed, "consul", "bootstrap", given, Generation="1")
    again = bench.deliver(seed, "consul", "bootstrap", given, Generation="1")
    assert [json.loads(ran.stdout)["bootstrapped"] for ran in (first, again)] == [True, False]
    bench.hosts.world.servers["consul"].clusters[0].state["management_token"] = "somebody else's"
    assert bench.deliver(seed, "consul", "bootstrap", given, Generation="1").exit_code == 70


def test_vault_is_initialised_once_and_the_others_join(bench: Bench) -> None:
    servers = [bench.server(number, "vault", expect=None) for number in (1, 2, 3)]
    assert bench.clusters("vault") == []
    assert bench.run(servers[0], "vault_init", "secrets", Generation="1").exit_code == 0
    bench.deliver(servers[0], "vault_init", "bootstrap", VAULT_BOOTSTRAP, Generation="1")
    again = bench.deliver(servers[1], "vault_init", "bootstrap", VAULT_BOOTSTRAP, Generation="1")
    assert json.loads(again.stdout) == {"initialised": False, "root_token": "revoked"}
    assert bench.clusters("vault") == [tuple(servers)]
    assert all(bench.run(server, "vault", "verify", Kind="server").exit_code == 0 for server in servers)


def test_vault_is_not_initialised_over_another_vault_s_keys(bench: Bench) -> None:
    node = bench.server(1, "vault", expect=None)
    boto3.client("secretsmanager", region_name="us-east-1").put_secret_value(
        SecretId=f"{PREFIX}vault/recovery-keys", SecretString='{"generation": 1, "recovery_keys": ["old"]}'
    )
    ran = bench.deliver(node, "vault_init", "bootstrap", VAULT_BOOTSTRAP, timeout=15, Generation="1")
    assert ran.exit_code == 70
    assert bench.clusters("vault") == []


def test_a_voter_without_quorum_is_not_verified(bench: Bench) -> None:
    one, two, three = (bench.server(number) for number in (1, 2, 3))
    bench.hosts.kill(two)
    assert bench.run(one, "consul", "verify", Kind="server").exit_code == 0
    bench.hosts.kill(three)
    ran = bench.run(one, "consul", "verify", timeout=0.2, Kind="server")
    assert ran.timed_out or ran.exit_code == 75


def test_faults_fail_a_document_so_many_times(bench: Bench) -> None:
    node = bench.boot(1)
    bench.hosts.faults.fail("consul", "install", exit_code=69, reason="no unzip", times=2)
    assert [bench.install(node, "consul").exit_code for _ in range(3)] == [69, 69, 0]


def test_a_lost_host_never_reports(bench: Bench) -> None:
    node = bench.boot(1)
    bench.hosts.faults.lose_host("consul", "install")
    assert bench.install(node, "consul").host_lost
    assert not bench.hosts.agent_online(node)


def test_an_agent_may_never_come_online(bench: Bench) -> None:
    bench.hosts.faults.never_online()
    assert [bench.hosts.agent_online(bench.boot(number)) for number in (1, 2)] == [False, True]


def test_a_slow_document_is_ended_by_its_time_limit_or_by_cancelling(bench: Bench) -> None:
    node = bench.boot(1)
    bench.hosts.faults.slow("consul", "install", 30)
    assert bench.run(node, "consul", "install", timeout=0.05).timed_out
    answers: list[Ran] = []
    thread = threading.Thread(target=lambda: answers.append(bench.run(node, "consul", "install")))
    thread.start()
    time.sleep(0.05)
    bench.hosts.cancel(node, "c-1")
    thread.join(5)
    assert answers[0].cancelled


def test_partitioned_servers_do_not_find_each_other(bench: Bench) -> None:
    one, two = bench.server(1, expect=2), bench.boot(2)
    bench.hosts.partition(two)
    bench.install(two, "consul")
    bench.configure(
        two, "consul", {"bootstrap_expect": 2, "retry_join": ["provider=aws tag_key=serves tag_value=demo"]}
    )
    bench.run(two, "consul", "start", Kind="server")
    assert bench.clusters("consul") == []
    bench.hosts.heal()
    bench.run(one, "consul", "start", Kind="server")
    assert [set(cluster) for cluster in bench.clusters("consul")] == [{one, two}]
