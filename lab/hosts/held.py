"""Machines that do not boot before they are let: the bucket they install from is filled after its stack is made."""

import threading

from lab.hosts.seam import Hosts, Machine, Ran, Run


class HeldHosts:
    """`hosts`, whose `boot` waits for `release`."""

    def __init__(self, hosts: Hosts) -> None:
        self._hosts = hosts
        self._released = threading.Event()
        self._closed = False

    def release(self) -> None:
        self._released.set()

    def boot(self, machine: Machine) -> None:
        self._released.wait()
        if self._closed:
            raise OSError(f"{machine.instance_id} does not boot: the lab is closed")
        self._hosts.boot(machine)

    def terminate(self, instance_id: str) -> None:
        self._hosts.terminate(instance_id)

    def agent_online(self, instance_id: str) -> bool:
        return self._hosts.agent_online(instance_id)

    def run(self, instance_id: str, run: Run) -> Ran:
        return self._hosts.run(instance_id, run)

    def cancel(self, instance_id: str, command_id: str) -> None:
        self._hosts.cancel(instance_id, command_id)

    def close(self) -> None:
        self._closed = True
        self._released.set()
        self._hosts.close()
