"""Hosts as containers that boot systemd: one for each EC2 instance, at the address that EC2 assigned."""

import contextlib
import logging
import re
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lab.hosts.agent import Agent
from lab.hosts.agent_package import SERVICE, UNIT, UNIT_FILE
from lab.hosts.engine import LAB_LABEL, Engine
from lab.hosts.guest import Guest
from lab.hosts.name_server import host_name
from lab.hosts.network import HOST_INTERFACE, RESOLVER_ADDRESS, LabNetwork
from lab.hosts.seam import Machine, Ran, Run

INSTANCE_LABEL = "quorate.instance"

# Directories that container runtimes fill with overlays, which cannot lie on the container's own overlay, and
# those to which the products write at every Raft entry.
VOLUME_PATHS = ("/var/lib/docker", "/var/lib/containers", "/var/lib/containerd")

# The lab's CA on standard input. All of the trust store: the source, so that a later update-ca-certificates keeps it,
# and the bundle (curl, Go) and the name by digest (Python), so that none has to run at boot. Engines mount a
# resolv.conf of their own, which systemd-resolved's takes the place of.
_FIRST_BOOT = """
set -eu
umask 022
! mountpoint --quiet /etc/resolv.conf || umount /etc/resolv.conf
ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
mkdir -p /usr/local/share/ca-certificates
authority=/usr/local/share/ca-certificates/quorate-lab.crt
cat > "$authority"
mkdir -p /etc/ssl/certs
cat "$authority" >> /etc/ssl/certs/ca-certificates.crt
digest=$(openssl x509 -noout -hash -in "$authority")
ln -s "$authority" "/etc/ssl/certs/$digest.0"
"""

_USER_DATA = """
set -eu
umask 077
mkdir -p /var/lib/cloud/instance/scripts
cat > /var/lib/cloud/instance/scripts/part-001
chmod 0700 /var/lib/cloud/instance/scripts/part-001
umask 022
exec /var/lib/cloud/instance/scripts/part-001 > "$1" 2>&1 < /dev/null
"""
USER_DATA_OUTPUT = "/var/log/cloud-init-output.log"

# $1 the unit's file, which is on standard input; $2 its name.
_SHIPPED_AGENT = 'set -eu; umask 022; cat > "$1"; systemctl start "$2"'

log = logging.getLogger(__name__)


@dataclass
class _Host:
    machine: Machine
    name: str
    lock: threading.Lock = field(default_factory=threading.Lock)  # held while it boots or is taken away
    guest: Guest | None = None
    agent: Agent | None = None
    ended: bool = False


class ContainerHosts:
    """`Hosts` on podman or docker.

    `ca_certificate` is the PEM file of the authority that the hosts shall trust; `image` boots systemd. Machine images
    of some publishers ship the SSM agent (Ubuntu, Amazon Linux); where they do not (Debian), it is for user data to
    install.
    """

    def __init__(
        self,
        network: LabNetwork,
        image: str,
        ca_certificate: Path,
        engine: Engine | None = None,
        *,
        ships_agent: bool = True,
    ) -> None:
        self._network = network
        self._image = image
        self._authority = ca_certificate.read_text()
        self._engine = engine or Engine.find()
        self._ships_agent = ships_agent
        self._hosts: dict[str, _Host] = {}
        self._lock = threading.Lock()

    def boot(self, machine: Machine) -> None:
        host = _Host(machine, container_name(self._network.name, machine.instance_id))
        with host.lock:
            with self._lock:
                if machine.instance_id in self._hosts:
                    raise ValueError(f"{machine.instance_id} runs already")
                self._hosts[machine.instance_id] = host
            try:
                self._power_on(host)
            except BaseException:
                with self._lock:
                    self._hosts.pop(machine.instance_id, None)
                self._take_away(host)
                raise

    def terminate(self, instance_id: str) -> None:
        with self._lock:
            host = self._hosts.pop(instance_id, None)
        if host:
            with host.lock:
                self._take_away(host)

    def agent_online(self, instance_id: str) -> bool:
        host = self._hosts.get(instance_id)
        return bool(host and host.agent and host.agent.online)

    def run(self, instance_id: str, run: Run) -> Ran:
        host = self._hosts.get(instance_id)
        if not host or not host.agent:
            return Ran(-1, "", "", host_lost=True)
        return host.agent.run(run)

    def cancel(self, instance_id: str, command_id: str) -> None:
        host = self._hosts.get(instance_id)
        if host and host.agent:
            host.agent.cancel(command_id)

    def close(self) -> None:
        with self._lock:
            hosts, self._hosts = list(self._hosts.values()), {}
        with contextlib.ExitStack() as stack:
            for host in hosts:
                stack.enter_context(host.lock)
            self._take_away(*hosts)

    # What the metadata service and the lab's commands ask.

    def machine_at(self, address: str) -> Machine | None:
        """Whose address that is."""
        hosts = list(self._hosts.values())
        return next((host.machine for host in hosts if host.machine.private_ip == address), None)

    def call(self, instance_id: str, command: Sequence[str]) -> subprocess.CompletedProcess[str]:
        """Run a short command on a host as somebody with a shell there would, beside the agent."""
        guest = self._host(instance_id).guest
        if not guest:
            raise ProcessLookupError(f"{instance_id} is still being powered on")
        return guest.call(command)

    def root_of(self, instance_id: str) -> Path:
        """The host's root directory, as it can be read from outside of the host."""
        guest = self._host(instance_id).guest
        if not guest:
            raise ProcessLookupError(f"{instance_id} is still being powered on")
        return Path(f"/proc/{guest.process_id}/root")

    def shell(self, instance_id: str) -> list[str]:
        """The command line of an interactive root shell on a host."""
        return self._engine.shell(self._host(instance_id).name)

    # Faults.

    def kill(self, instance_id: str) -> None:
        """The host loses power: EC2 does not know, the agent never answers again."""
        self._engine.kill(self._host(instance_id).name)

    def partition(self, *instance_ids: str) -> None:
        """Cut these hosts off from the others; among themselves they still talk, and all of them with AWS."""
        self._network.partition(*(self._host(instance_id).machine.private_ip for instance_id in instance_ids))

    def heal(self) -> None:
        """End every `partition`."""
        self._network.heal()

    def pause_agent(self, instance_id: str) -> None:
        """The SSM agent loses its connection; what it runs goes on."""
        if agent := self._host(instance_id).agent:
            agent.pause()

    def resume_agent(self, instance_id: str) -> None:
        """End `pause_agent`."""
        if agent := self._host(instance_id).agent:
            agent.resume()

    def _host(self, instance_id: str) -> _Host:
        try:
            return self._hosts[instance_id]
        except KeyError:
            raise LookupError(f"no host {instance_id}") from None

    def _power_on(self, host: _Host) -> None:
        machine = host.machine
        process_id = self._engine.start(
            host.name,
            self._image,
            hostname=host_name(machine.private_ip, machine.region),
            labels={LAB_LABEL: self._network.name, INSTANCE_LABEL: machine.instance_id},
            volumes=self._volumes(machine),
        )
        host.guest = Guest(process_id)
        self._network.attach(process_id, machine.private_ip, machine.subnet_cidr)
        prepared = host.guest.call(["/bin/sh", "-c", _FIRST_BOOT], self._authority)
        if prepared.returncode != 0:
            raise OSError(f"{machine.instance_id}: first boot failed: {prepared.stderr.strip()}")
        host.agent = Agent(machine, host.guest)
        threading.Thread(target=self._live, args=(host,), name=host.name, daemon=True).start()

    def _live(self, host: _Host) -> None:
        """What happens on a host by itself, from power-on to its end."""
        assert host.guest is not None
        assert host.agent is not None
        try:
            host.guest.wait_until_booted()
            self._lease_names(host)
            if self._ships_agent:
                host.guest.call(["/bin/sh", "-c", _SHIPPED_AGENT, "agent", UNIT_FILE, SERVICE], UNIT)
            if host.machine.user_data.strip():
                self._run_user_data(host)
            host.guest.wait_for_death()
        except ProcessLookupError:
            pass  # it died before all that was done
        host.agent.host_died()
        if not host.ended:
            log.warning("%s has died", host.machine.instance_id)

    def _lease_names(self, host: _Host) -> None:
        """What DHCP tells of an interface in a VPC, and systemd-networkd systemd-resolved: resolver and domain."""
        assert host.guest is not None
        machine = host.machine
        domain = host_name(machine.private_ip, machine.region).partition(".")[2]
        for setting, value in (("dns", RESOLVER_ADDRESS), ("domain", domain), ("default-route", "yes")):
            told = host.guest.call(["resolvectl", setting, HOST_INTERFACE, value])
            if told.returncode != 0:
                log.warning("%s: resolvectl %s: %s", machine.instance_id, setting, told.stderr.strip())

    def _run_user_data(self, host: _Host) -> None:
        """As cloud-init does with a script: once, at first boot, as root, after network and services are up."""
        assert host.guest is not None
        instance_id, script = host.machine.instance_id, host.machine.user_data
        if not script.startswith("#!"):
            log.warning("%s: user data is not a script; the lab runs only scripts", instance_id)
            return
        done = host.guest.call(["/bin/sh", "-c", _USER_DATA, "cloud-init", USER_DATA_OUTPUT], script)
        if done.returncode != 0:
            said = host.guest.call(["tail", "-n", "5", USER_DATA_OUTPUT]).stdout.strip() or done.stderr.strip()
            log.warning("%s: user data ended with exit code %d: %s", instance_id, done.returncode, said)

    def _take_away(self, *hosts: _Host) -> None:
        for host in hosts:
            host.ended = True
        volumes = [volume for host in hosts for volume in self._volumes(host.machine)]
        self._engine.remove([host.name for host in hosts], volumes)
        for host in hosts:
            self._network.detach(host.machine.private_ip)

    def _volumes(self, machine: Machine) -> dict[str, str]:
        prefix = f"{self._network.name}.{machine.instance_id}"
        return {f"{prefix}{re.sub('/', '.', path)}": path for path in VOLUME_PATHS}


def container_name(lab: str, instance_id: str) -> str:
    return f"{lab}-{instance_id}"


def sweep_leftovers(lab: str) -> list[str]:
    """Remove all that a lab of that name has on this machine, with no state but its name; say what there was."""
    found = []
    for engine in Engine.every():
        engine.wait_until_idle(lab)
        containers, volumes = engine.containers(lab), engine.volumes(lab)
        engine.remove(containers, volumes)
        found += containers + volumes
    network = LabNetwork(lab, "10.77.0.0/16")
    if network.exists():
        network.remove()
        found.append(f"network namespace {lab}")
    return found
