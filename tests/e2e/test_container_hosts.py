"""Container hosts for real: three machines boot, run scripts, see an EC2 around them, and leave nothing behind."""

import contextlib
import json
import os
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from cdk_app.image import user_data_of
from lab.aws import EmbeddedAws
from lab.forwarder import Forwarder
from lab.hosts import agent_package, image
from lab.hosts.authority import Authority
from lab.hosts.container import USER_DATA_OUTPUT, ContainerHosts, sweep_leftovers
from lab.hosts.engine import LAB_LABEL, Engine
from lab.hosts.metadata import Metadata
from lab.hosts.metadata_server import serve_metadata
from lab.hosts.name_server import serve_names
from lab.hosts.network import NAMESPACES, LabNetwork
from lab.hosts.seam import Machine, Ran, Run
from lab.products.catalogue import host_architecture
from tests.builders import a_config

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(os.geteuid() != 0, reason="container hosts need root"),
    pytest.mark.skipif(not (shutil.which("podman") or shutil.which("docker")), reason="no container engine"),
]

LAB = "quorate-lab-hosts-test"
REGION = "eu-central-1"


def machine(number: int, user_data: str = "") -> Machine:
    """Odd and even machines are in different subnets, so that the VPC's router is on the way."""
    subnet = number % 2
    return Machine(
        instance_id=f"i-{number:017x}",
        private_ip=f"10.77.{subnet}.{10 + number}",
        subnet_cidr=f"10.77.{subnet}.0/24",
        vpc_cidr="10.77.0.0/16",
        region=REGION,
        availability_zone=f"{REGION}a",
        instance_type="t3.small",
        image_id="ami-0123",
        user_data=user_data,
        instance_profile_arn="arn:aws:iam::123456789012:instance-profile/servers",
        role_name="servers",
        autoscaling_group="servers",
        tags={"Name": f"host-{number}"},
    )


ONE = machine(1, user_data="#!/bin/bash\necho from cloud-init > /root/first-boot\n")
TWO = machine(2)
THREE = machine(3)


@dataclass
class Lab:
    hosts: ContainerHosts
    network: LabNetwork
    authority: Authority

    def run(
        self, script: str, *, on: Machine = ONE, command: str = "c-1", timeout: float = 30, **parameters: str
    ) -> Ran:
        environment = {f"SSM_{name}": value for name, value in parameters.items()}
        step = Run(command, "document", parameters, f"#!/bin/bash\n{script}", environment, timeout)
        return self.hosts.run(on.instance_id, step)

    def out(self, script: str, *, on: Machine = ONE) -> str:
        ran = self.run(f"set -Eeuo pipefail\n{script}", on=on)
        assert ran.exit_code == 0, ran
        return ran.stdout.strip()


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    sweep_leftovers(LAB)
    engine = Engine.find()
    tag = image.ensure(engine.program)
    authority = Authority(tmp_path_factory.mktemp("lab") / "authority")
    network = LabNetwork.create(LAB)
    hosts = ContainerHosts(network, tag, authority.pair.certificate, engine)
    services = [
        serve_names(network, REGION),
        serve_metadata(network, Metadata(hosts.machine_at, lambda instance_id: "InService")),
    ]
    try:
        with ThreadPoolExecutor() as pool:
            list(pool.map(hosts.boot, (ONE, TWO, THREE)))
        eventually(lambda: all(hosts.agent_online(m.instance_id) for m in (ONE, TWO, THREE)))
        yield Lab(hosts, network, authority)
    finally:
        hosts.close()
        for service in services:
            service.close()
        network.remove()


def eventually(condition: Callable[[], object], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


def test_a_script_s_output_and_exit_code_come_back(lab: Lab) -> None:
    ran = lab.run('echo "out $SSM_Name"; echo err >&2; id -u; exit 69', Name="a b")
    assert ran == Ran(69, "out a b\n0\n", "err\n")


def test_a_script_runs_as_the_agent_runs_it(lab: Lab) -> None:
    assert lab.out("umask; echo ${HOME-none}; echo $AWS_SSM_INSTANCE_ID; stat -c %a $0") == (
        f"0022\nnone\n{ONE.instance_id}\n700"
    )
    assert lab.out("echo $0").startswith(f"/var/lib/amazon/ssm/{ONE.instance_id}/document/orchestration/c-1/")


def test_a_script_is_in_no_process_list(lab: Lab) -> None:
    with ThreadPoolExecutor() as pool:
        running = pool.submit(
            lab.run, "word=plainly-secret; touch /tmp/running; until [ -e /tmp/looked ]; do sleep 0.05; done"
        )
        eventually(lambda: lab.hosts.call(ONE.instance_id, ["test", "-e", "/tmp/running"]).returncode == 0)
        seen = b""
        for entry in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                seen += entry.read_bytes()
            except OSError:  # ended meanwhile
                continue
        lab.hosts.call(ONE.instance_id, ["touch", "/tmp/looked"])
        assert running.result().exit_code == 0
    assert b"_script.sh" in seen
    assert b"plainly-secret" not in seen


def test_much_output_is_cut_and_does_not_block(lab: Lab) -> None:
    ran = lab.run("head -c 20000000 /dev/zero | tr '\\0' x; echo the end >&2")
    assert ran.exit_code == 0
    assert ran.stderr == "the end\n"
    assert 24_000 < len(ran.stdout) < 20_000_000


def test_a_timeout_ends_the_whole_process_group(lab: Lab) -> None:
    began = time.monotonic()
    ran = lab.run("echo begun; sleep 4321 & sleep 4321", timeout=1)
    assert (ran.exit_code, ran.timed_out, ran.stdout) == (-1, True, "begun\n")
    assert time.monotonic() - began < 5
    eventually(lambda: lab.hosts.call(ONE.instance_id, ["pgrep", "-f", "sleep 4321"]).returncode == 1)


def test_cancel_ends_what_the_command_started(lab: Lab) -> None:
    with ThreadPoolExecutor() as pool:
        running = pool.submit(lab.run, "touch /tmp/cancel-me; sleep 4322", command="c-cancel")
        eventually(lambda: lab.hosts.call(ONE.instance_id, ["test", "-e", "/tmp/cancel-me"]).returncode == 0)
        lab.hosts.cancel(ONE.instance_id, "another")
        assert not running.done()
        lab.hosts.cancel(ONE.instance_id, "c-cancel")
        ran = running.result(timeout=10)
    assert (ran.exit_code, ran.cancelled, ran.timed_out) == (-1, True, False)


def test_five_commands_run_at_a_time(lab: Lab) -> None:
    def begun() -> int:
        return len(lab.hosts.call(TWO.instance_id, ["sh", "-c", "ls /tmp/five-* 2>/dev/null"]).stdout.split())

    with ThreadPoolExecutor() as pool:
        numbers = range(7)
        running = [pool.submit(lab.run, f"touch /tmp/five-{n}; sleep 4323", on=TWO, command=f"c-{n}") for n in numbers]
        eventually(lambda: begun() == 5)
        time.sleep(0.5)  # time enough for a sixth, were there one
        assert begun() == 5
        started = lab.hosts.call(TWO.instance_id, ["sh", "-c", "ls /tmp/five-*"]).stdout.split()
        first = int(started[0].rpartition("-")[2])
        lab.hosts.cancel(TWO.instance_id, f"c-{first}")
        eventually(lambda: begun() == 6)
        for n in numbers:  # also the one that still waits
            lab.hosts.cancel(TWO.instance_id, f"c-{n}")
        assert all(future.result(timeout=10).cancelled for future in running)


def test_a_paused_agent_is_offline_and_takes_nothing(lab: Lab) -> None:
    lab.hosts.pause_agent(TWO.instance_id)
    assert not lab.hosts.agent_online(TWO.instance_id)
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(lab.run, "true", on=TWO)
        time.sleep(0.3)
        assert not waiting.done()
        lab.hosts.resume_agent(TWO.instance_id)
        assert waiting.result(timeout=10).exit_code == 0
    assert lab.hosts.agent_online(TWO.instance_id)


def test_a_host_is_named_and_addressed_as_ec2_does(lab: Lab) -> None:
    assert lab.out("hostname") == f"ip-10-77-1-11.{REGION}.compute.internal"
    assert lab.out("ip -brief -4 address show ens5").split()[2] == "10.77.1.11/24"
    assert lab.out("ip route show default") == "default via 10.77.1.1 dev ens5"
    assert lab.out("getent hosts ip-10-77-0-12").split()[0] == TWO.private_ip
    assert lab.out(f"getent hosts kms.{REGION}.amazonaws.com").split()[0] == "10.77.0.1"
    assert lab.run("getent hosts example.com").exit_code != 0


def test_user_data_ran_once_at_first_boot(lab: Lab) -> None:
    eventually(lambda: lab.run("cat /root/first-boot").stdout == "from cloud-init\n")


def test_the_metadata_service_knows_who_asks(lab: Lab) -> None:
    script = """
    base=http://169.254.169.254/latest
    token=$(curl -fsS -X PUT -H 'X-aws-ec2-metadata-token-ttl-seconds: 60' $base/api/token)
    for path in instance-id placement/region iam/security-credentials/servers; do
      curl -fsS -H "X-aws-ec2-metadata-token: $token" $base/meta-data/$path; echo
    done
    curl -s -o /dev/null -w '%{http_code}' $base/meta-data/
    """
    for host in (ONE, TWO):
        lines = lab.out(script, on=host).splitlines()
        assert lines[:2] == [host.instance_id, REGION]
        assert json.loads("".join(lines[2:-1]))["AccessKeyId"] == f"ASIA{host.instance_id[2:].upper()}"
        assert lines[-1] == "401"


def test_hosts_reach_each_other_across_subnets(lab: Lab) -> None:
    lab.out("systemd-run --quiet systemd-socket-activate --listen=9000 --accept --inetd cat /etc/hostname", on=TWO)
    script = f"timeout 1 bash -c 'cat </dev/tcp/{TWO.private_ip}/9000'"

    def reached() -> bool:
        return lab.run(script).stdout.strip() == f"ip-10-77-0-12.{REGION}.compute.internal"

    eventually(reached)


@pytest.mark.parametrize("other", [THREE, TWO], ids=["in one subnet", "across subnets"])
def test_hosts_that_are_cut_off_reach_the_metadata_service_and_nobody_else(lab: Lab, other: Machine) -> None:
    def reaches(host: Machine, address: str, port: int = 9002) -> bool:
        return lab.run(f"timeout 1 bash -c ': </dev/tcp/{address}/{port}'", on=host).exit_code == 0

    for host in (ONE, other):
        lab.out(
            "systemctl is-active --quiet listens || systemd-run --quiet --unit=listens systemd-socket-activate"
            " --listen=9002 --accept --inetd cat",
            on=host,
        )
    eventually(lambda: reaches(ONE, other.private_ip) and reaches(other, ONE.private_ip))
    lab.hosts.partition(ONE.instance_id)
    try:
        assert not reaches(ONE, other.private_ip)
        assert not reaches(other, ONE.private_ip)
        for host in (ONE, other):
            assert reaches(host, "169.254.169.254", 80)
            assert lab.hosts.agent_online(host.instance_id)
    finally:
        lab.hosts.heal()
    eventually(lambda: reaches(ONE, other.private_ip) and reaches(other, ONE.private_ip))
    lab.hosts.partition(ONE.instance_id, other.instance_id)
    try:
        assert reaches(ONE, other.private_ip), "both are on the same side"
    finally:
        lab.hosts.heal()


def test_a_port_of_loopback_leads_to_a_host(lab: Lab) -> None:
    lab.out("systemd-run --quiet systemd-socket-activate --listen=9001 --accept --inetd cat")
    forwarder = Forwarder(0, lambda: [(ONE.private_ip, 9001)], lab.network.enter)
    try:

        def there_and_back() -> bytes:
            caller = socket.create_connection(("127.0.0.1", forwarder.port), 5)
            with caller, contextlib.suppress(OSError):  # while nobody listens at the other end yet, it closes
                caller.sendall(b"there and back")
                caller.shutdown(socket.SHUT_WR)
                return caller.makefile("rb").read()
            return b""

        eventually(lambda: there_and_back() == b"there and back")
    finally:
        forwarder.close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", forwarder.port), 5)


def test_hosts_take_the_lab_for_aws_over_tls(lab: Lab) -> None:
    class Service(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = f"{self.headers['Host']} for {self.client_address[0]}".encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    pair = lab.authority.server_pair(REGION)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    with lab.network.enter():
        server = HTTPServer((lab.network.router_address, 443), Service)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        for name in (f"ec2.{REGION}.api.aws", f"bucket.s3.{REGION}.amazonaws.com"):
            assert lab.out(f"curl -fsS https://{name}/") == f"{name} for {ONE.private_ip}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def debian(lab: Lab) -> Iterator[ContainerHosts]:
    """Hosts of an image without the agent, and AWS's bucket that has it, in the same network."""
    region = REGION
    hosts = ContainerHosts(
        lab.network, image.ensure(Engine.find().program), lab.authority.pair.certificate, ships_agent=False
    )
    with EmbeddedAws(hosts, region) as aws:
        agent_package.publish(aws.client("s3"), region, host_architecture())
        with lab.network.enter():
            aws.serve(lab.network.router_address, 443, lab.authority.server_pair(region))
        try:
            yield hosts
        finally:
            hosts.close()


def test_the_agent_comes_with_user_data(debian: ContainerHosts) -> None:
    """The user data that the CDK puts into the launch template; Python and dpkg are the image's own."""
    config = a_config(region=REGION).model_copy(update={"architecture": host_architecture()})
    host = machine(5, user_data=user_data_of(config).render())
    debian.boot(host)
    assert not debian.agent_online(host.instance_id)
    eventually(lambda: debian.agent_online(host.instance_id))
    ran = debian.run(host.instance_id, Run("c-1", "document", {}, "systemctl is-enabled amazon-ssm-agent", {}, 30))
    assert (ran.exit_code, ran.stdout) == (0, "enabled\n")
    debian.call(host.instance_id, ["systemctl", "stop", agent_package.SERVICE])
    assert not debian.agent_online(host.instance_id)
    debian.call(host.instance_id, ["systemctl", "start", agent_package.SERVICE])
    eventually(lambda: debian.agent_online(host.instance_id))


def test_without_its_user_data_a_host_never_gets_an_agent(
    debian: ContainerHosts, caplog: pytest.LogCaptureFixture
) -> None:
    silent, failing = machine(6), machine(7, user_data="#!/bin/bash\necho cannot be fetched\nexit 3\n")
    for host in (silent, failing):
        debian.boot(host)
    eventually(lambda: "user data ended with exit code 3: cannot be fetched" in caplog.text)
    booted = ["systemctl", "is-system-running", "--wait"]
    assert debian.call(silent.instance_id, booted).stdout == "running\n"
    assert not any(debian.agent_online(host.instance_id) for host in (silent, failing))
    output = debian.call(failing.instance_id, ["cat", USER_DATA_OUTPUT])
    assert output.stdout == "cannot be fetched\n"


def test_each_host_has_control_groups_of_its_own(lab: Lab) -> None:
    """Two hosts with a unit of the same name must not see each other's processes in it."""
    start = "systemd-run --quiet --unit=twin sleep 4324"
    for host in (ONE, TWO):
        lab.out(start, on=host)
    lab.out("systemctl stop twin", on=TWO)
    assert lab.out("systemctl is-active twin") == "active"
    assert lab.out("ps -C sleep -o args= | grep -c 'sleep 4324'") == "1"
    lab.out("systemctl stop twin")


def test_a_host_that_dies_takes_its_commands_along(lab: Lab) -> None:
    victim = machine(8)
    lab.hosts.boot(victim)
    eventually(lambda: lab.hosts.agent_online(victim.instance_id))
    with ThreadPoolExecutor() as pool:
        running = pool.submit(lab.run, "touch /tmp/running; sleep 4325", on=victim)
        eventually(lambda: lab.hosts.call(victim.instance_id, ["test", "-e", "/tmp/running"]).returncode == 0)
        lab.hosts.kill(victim.instance_id)
        ran = running.result(timeout=10)
    assert (ran.exit_code, ran.host_lost) == (-1, True)
    assert not lab.hosts.agent_online(victim.instance_id)
    lab.hosts.terminate(victim.instance_id)
    lab.hosts.terminate(victim.instance_id)
    assert lab.run("true", on=victim).host_lost
    assert lab.hosts.machine_at(victim.private_ip) is None


NOTHING = "quorate-lab-leaves-nothing"


def traces() -> dict[str, list[str]]:
    """All that the lab of that name could leave on this machine; others come and go meanwhile."""
    engine = Engine.find()
    here = subprocess.run(["ip", "-json", "link"], capture_output=True, text=True, check=True).stdout
    return {
        "containers": engine.containers(NOTHING),
        "volumes": engine.volumes(NOTHING),
        "namespaces": [path.name for path in NAMESPACES.glob(f"{NOTHING}*")],
        "links": [link["ifname"] for link in json.loads(here) if link["ifname"].startswith("host0a4d")],
        "mounts": [line for line in Path("/proc/mounts").read_text().splitlines() if NOTHING in line],
        "processes": processes(NOTHING, SCRIPT),
    }


def processes(*words: str) -> list[str]:
    """Command lines that hold one of the words; not those of shells and editors that look for them."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:  # ended meanwhile
            continue
        if any(word in line for word in words) and "pytest" not in line:
            found.append(line)
    return found


def nothing() -> bool:
    return not any(traces().values())


@pytest.mark.parametrize("ending", ["close", "sweep"])
def test_nothing_is_left(tmp_path: Path, ending: str) -> None:
    sweep_leftovers(NOTHING)
    assert nothing(), traces()
    engine = Engine.find()
    network = LabNetwork.create(NOTHING)
    hosts = ContainerHosts(network, image.ensure(engine.program), Authority(tmp_path).pair.certificate, engine)
    host = machine(4)
    hosts.boot(host)
    first_process = Path(f"/proc/{engine.process_id(f'{NOTHING}-{host.instance_id}')}")
    assert first_process.exists()
    if ending == "close":
        hosts.close()
        network.remove()
    else:  # as after a lab that was killed: nothing is known but its name
        assert len(sweep_leftovers(NOTHING)) >= 3
    assert nothing(), traces()
    assert not first_process.exists()
    assert sweep_leftovers(NOTHING) == []


SCRIPT = "sleep 4398"
DOOMED_LAB = """
import sys, threading
from pathlib import Path
from lab.hosts.authority import Authority
from lab.hosts.container import ContainerHosts
from lab.hosts.network import LabNetwork
from lab.hosts.seam import Run
from tests.e2e.test_container_hosts import NOTHING, SCRIPT, machine

directory, tag = sys.argv[1:]
hosts = ContainerHosts(LabNetwork.create(NOTHING), tag, Authority(Path(directory)).pair.certificate)
print("created", flush=True)

def live(number: int) -> None:
    hosts.boot(machine(number))
    print("booted", flush=True)
    hosts.run(machine(number).instance_id, Run("c-1", "document", {}, f"#!/bin/sh\\n{SCRIPT}", {}, 600))

for number in (20, 21, 22):
    threading.Thread(target=live, args=(number,)).start()
"""


@pytest.mark.parametrize("moment", ["created", "starting a container", "booted", "running a script"])
def test_nothing_is_left_of_a_lab_that_was_killed(tmp_path: Path, moment: str) -> None:
    """The hard moment is the second: the engine lives on, and makes its container after everybody has looked."""
    engine = Engine.find()
    tag = image.ensure(engine.program)
    sweep_leftovers(NOTHING)
    doomed = subprocess.Popen([sys.executable, "-c", DOOMED_LAB, tmp_path, tag], stdout=subprocess.PIPE, text=True)
    assert doomed.stdout is not None
    try:
        assert doomed.stdout.readline() == "created\n"
        if moment == "starting a container":
            eventually(lambda: processes(f"{LAB_LABEL}={NOTHING}"))
        elif moment == "booted":
            assert doomed.stdout.readline() == "booted\n"
        elif moment == "running a script":
            eventually(lambda: processes(SCRIPT))
    finally:
        doomed.kill()
        doomed.wait()
        doomed.stdout.close()
    sweep_leftovers(NOTHING)
    assert nothing(), traces()
    time.sleep(2)  # time enough for what still happens behind our back
    assert nothing(), traces()


def test_a_namespace_that_was_never_mounted_is_removed() -> None:
    """`ip netns add` makes a file, then mounts on it."""
    NAMESPACES.mkdir(exist_ok=True)
    (NAMESPACES / NOTHING).touch()
    assert sweep_leftovers(NOTHING) == [f"network namespace {NOTHING}"]
    assert nothing(), traces()
    (NAMESPACES / NOTHING).touch()
    LabNetwork.create(NOTHING).remove()
    assert nothing(), traces()


FAKE_MMDEBSTRAP = """#!/bin/bash
set -eu
mkdir -p "$TMPDIR/tree/sys"
mount -t tmpfs none "$TMPDIR/tree/sys"
sleep 4397 &
touch "$TMPDIR/mounted"
wait
"""


def test_nothing_is_left_of_an_image_build_that_was_killed(tmp_path: Path) -> None:
    """Its mounts are this machine's own directories, and the next build clears the place where they were mounted."""
    (tmp_path / "mmdebstrap").write_text(FAKE_MMDEBSTRAP)
    (tmp_path / "mmdebstrap").chmod(0o755)
    build = "import sys; from pathlib import Path; from lab.hosts import image; from lab.products.artifact import Store"
    build += "; image.build('amd64', store=Store(Path(sys.argv[1])))"
    environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    doomed = subprocess.Popen([sys.executable, "-c", build, tmp_path / "cache"], env=environment)
    try:
        eventually(lambda: list(tmp_path.glob("cache/.working-*/mounted")))
        assert processes("sleep 4397")
        assert str(tmp_path) not in Path("/proc/mounts").read_text()
    finally:
        doomed.kill()
        doomed.wait()
    eventually(lambda: not processes("sleep 4397", f"{tmp_path}/mmdebstrap"), 5)
