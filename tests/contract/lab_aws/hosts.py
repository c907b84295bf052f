"""Hosts that record what they are asked, and run scripts only when they are told what comes out."""

import threading
from collections.abc import Callable

from lab.hosts.seam import Machine, Ran, Run

Answer = Callable[[str, Run], Ran]


def succeed(instance_id: str, run: Run) -> Ran:
    return Ran(0, '{"ok": true}\n', "")


class RecordingHosts:
    """`answer` says how a run ends; `online` whether agents have registered."""

    def __init__(self, answer: Answer = succeed) -> None:
        self.answer = answer
        self.online = True
        self.machines: dict[str, Machine] = {}
        self.runs: list[tuple[str, Run]] = []
        self.terminated: list[str] = []
        self.cancelled: dict[str, threading.Event] = {}
        self._lock = threading.Lock()

    def boot(self, machine: Machine) -> None:
        with self._lock:
            self.machines[machine.instance_id] = machine

    def terminate(self, instance_id: str) -> None:
        with self._lock:
            self.machines.pop(instance_id, None)
            self.terminated.append(instance_id)

    def agent_online(self, instance_id: str) -> bool:
        return self.online and instance_id in self.machines

    def run(self, instance_id: str, run: Run) -> Ran:
        with self._lock:
            self.runs.append((instance_id, run))
        return self.answer(instance_id, run)

    def cancel(self, instance_id: str, command_id: str) -> None:
        with self._lock:
            self.cancelled.setdefault(command_id, threading.Event()).set()

    def until_cancelled(self, instance_id: str, run: Run) -> Ran:
        """An answer: run until somebody cancels."""
        with self._lock:
            cancelled = self.cancelled.setdefault(run.command_id, threading.Event())
        cancelled.wait(20)
        return Ran(-1, "", "", cancelled=True)

    def close(self) -> None:
        pass
