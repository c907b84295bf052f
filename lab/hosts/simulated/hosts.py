"""The seam's calls, answered by models."""

import json
import threading
import time
from collections.abc import Callable
from typing import Any

import boto3

from lab.hosts.seam import Machine, Ran, Run
from lab.hosts.simulated.documents import DOCUMENTS
from lab.hosts.simulated.faults import Faults
from lab.hosts.simulated.host import CancelledRunError, ExitError, Host, HostLostError, RunTimedOutError
from lab.hosts.simulated.task import Task
from lab.hosts.simulated.world import World


class SimulatedHosts:
    """`Hosts` in process. `client` gives a boto3 client by service name; without it, boto3's own for the host's region.

    `time_scale` shortens what the products wait for (stabilisation of servers, patience of scripts). `runs` and `boots`
    never start a thread: they work in the caller's.
    """

    def __init__(self, client: Callable[[str], Any] | None = None, *, time_scale: float = 1.0) -> None:
        self.faults = Faults()
        self._clients: dict[str, Any] = {}
        self._clients_lock = threading.Lock()
        self._region = "us-east-1"
        self.world = World(client or self._own_client, time_scale)

    # The seam.

    def boot(self, machine: Machine) -> None:
        if self.faults.boot_fails():
            raise OSError(f"{machine.instance_id} does not boot: injected by the lab")
        self._region = machine.region
        with self.world.changed:
            if machine.instance_id in self.world.hosts:
                raise ValueError(f"{machine.instance_id} runs already")
            self.world.hosts[machine.instance_id] = Host(machine, key=machine.vpc_cidr)
            self.faults.booted(machine.instance_id)

    def terminate(self, instance_id: str) -> None:
        with self.world.changed:
            host = self.world.hosts.pop(instance_id, None)
            if host is not None:
                self._lose(host)

    def agent_online(self, instance_id: str) -> bool:
        host = self.world.hosts.get(instance_id)
        return host is not None and not host.lost and not host.agent_paused and not self.faults.offline(instance_id)

    def run(self, instance_id: str, run: Run) -> Ran:
        host = self.world.hosts.get(instance_id)
        if host is None:
            return Ran(-1, "", "", host_lost=True)
        started_at = time.time()
        ran = self._run(host, run)
        if not ran.host_lost:
            host.history.append(
                {
                    "at": started_at,
                    "seconds": time.time() - started_at,
                    "document": run.document,
                    "exit_code": ran.exit_code,
                    "stdout": ran.stdout,
                    "stderr": ran.stderr,
                }
            )
        return ran

    def cancel(self, instance_id: str, command_id: str) -> None:
        host = self.world.hosts.get(instance_id)
        if host is not None:
            with self.world.changed:
                host.cancelled.add(command_id)
                self.world.changed.notify_all()

    def close(self) -> None:
        with self.world.changed:
            for host in self.world.hosts.values():
                host.lost = True
            self.world.hosts.clear()
            self.world.changed.notify_all()

    # Faults that strike a host and not a document.

    def kill(self, instance_id: str) -> None:
        """The host loses power: EC2 does not know, the agent never answers again."""
        with self.world.changed:
            self._lose(self._host(instance_id))

    def partition(self, *instance_ids: str) -> None:
        """Cut these hosts off from the others; among themselves they still talk."""
        with self.world.changed:
            for instance_id in instance_ids:
                self._host(instance_id).partition = ",".join(sorted(instance_ids))
            self.world.changed.notify_all()

    def heal(self) -> None:
        """End every `partition`."""
        with self.world.changed:
            for host in self.world.hosts.values():
                host.partition = ""
            self.world.changed.notify_all()

    def pause_agent(self, instance_id: str) -> None:
        """The SSM agent loses its connection: it begins nothing that it is sent before `resume_agent`."""
        with self.world.changed:
            self._host(instance_id).agent_paused = True

    def resume_agent(self, instance_id: str) -> None:
        with self.world.changed:
            self._host(instance_id).agent_paused = False
            self.world.changed.notify_all()

    def stop_product(self, instance_id: str, product: str) -> None:
        """As `systemctl stop` does: no goodbye, and its peers find out by themselves."""
        with self.world.changed:
            host = self._host(instance_id)
            if product not in host.running:
                raise LookupError(f"{product} does not run on {instance_id}")
            host.running.discard(product)
            self.world.servers[product].stop(instance_id)
            self.world.changed.notify_all()

    def start_product(self, instance_id: str, product: str) -> None:
        """As `systemctl start` does, of what was configured there and not retired."""
        with self.world.changed:
            host = self._host(instance_id)
            if product not in host.kinds or product in host.retired:
                raise LookupError(f"{product} is not set up to run on {instance_id}")
            host.running.add(product)
            if host.kinds[product] == "server":
                self.world.servers[product].start(host)
            self.world.changed.notify_all()

    def seal(self, instance_id: str) -> None:
        """Its Vault runs and is of no use, as where its unseal key cannot be reached."""
        with self.world.changed:
            self.world.servers["vault"].sealed.add(self._host(instance_id).instance_id)

    def unseal(self, instance_id: str) -> None:
        with self.world.changed:
            self.world.servers["vault"].sealed.discard(instance_id)
            self.world.changed.notify_all()

    def _host(self, instance_id: str) -> Host:
        if instance_id not in self.world.hosts:
            raise LookupError(f"no host {instance_id}")
        return self.world.hosts[instance_id]

    def _lose(self, host: Host) -> None:
        host.lost = True
        for servers in self.world.servers.values():
            servers.stop(host.instance_id)
        self.world.changed.notify_all()

    # One document.

    def _run(self, host: Host, run: Run) -> Ran:
        _, component, phase = (["", *run.document.rsplit("-", 2)])[-3:]
        model = DOCUMENTS.get((component, phase))
        if model is None:
            return Ran(127, "", f"simulated hosts run the cluster's documents only, not {run.document}\n")
        ends_at = self.world.now() + run.timeout_seconds
        task = Task(self.world, host, component, phase, run.command_id, run.parameters, ends_at)
        fault = self.faults.document(component, phase, host.instance_id)
        try:
            if fault is not None and fault.pauses_agent:
                host.agent_paused, fault = True, None
            self.world.await_agent(host, run.command_id)
            self.world.sleep(host, run.command_id, self.faults.seconds(component, phase), ends_at)
            result = model(task) if fault is None or fault.after_work else {}
            if fault is not None and fault.loses_host:
                self.kill(host.instance_id)
            self.world.check(host, run.command_id)
            if fault is not None:
                raise ExitError(fault.exit_code, fault.reason)
        except HostLostError:
            return Ran(-1, "", "", host_lost=True)
        except CancelledRunError:
            return Ran(-1, "", "", cancelled=True)
        except RunTimedOutError:
            return Ran(-1, "", "", timed_out=True)
        except ExitError as error:
            return Ran(error.exit_code, json.dumps({"reason": error.reason}) + "\n", f"{error.reason}\n")
        return Ran(0, json.dumps(result) + "\n", "")

    def _own_client(self, service: str) -> Any:
        with self._clients_lock:  # making clients is not safe from many threads
            if service not in self._clients:
                self._clients[service] = boto3.client(service, region_name=self._region)
            return self._clients[service]
