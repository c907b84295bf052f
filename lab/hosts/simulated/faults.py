"""Faults of simulated hosts: documents that fail, agents that never register, machines that are slow or vanish."""

import math
import threading
from dataclasses import dataclass, field


@dataclass
class DocumentFault:
    """`stage` is when it strikes: before the document did anything, or after all its work was done."""

    component: str
    phase: str
    exit_code: int
    reason: str
    times: float
    instance_id: str | None
    loses_host: bool = False
    after_work: bool = False
    pauses_agent: bool = False


@dataclass
class Faults:
    """Safe to change while the lab runs. `times` counts how often a fault strikes."""

    _documents: list[DocumentFault] = field(default_factory=list)
    _offline: float = 0
    _offline_ids: set[str] = field(default_factory=set)
    _seconds: dict[tuple[str, str], float] = field(default_factory=dict)
    _boot_failures: float = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def fail(
        self,
        component: str,
        phase: str,
        *,
        exit_code: int = 70,
        reason: str = "injected by the lab",
        times: float = 1,
        instance_id: str | None = None,
        after_work: bool = False,
    ) -> None:
        """Fail a document so many times, on any host or on one, before it does its work or after."""
        fault = DocumentFault(component, phase, exit_code, reason, times, instance_id, after_work=after_work)
        with self._lock:
            self._documents.append(fault)

    def lose_host(
        self, component: str, phase: str, *, instance_id: str | None = None, after_work: bool = False
    ) -> None:
        """The next host that runs this document vanishes in the middle of it."""
        fault = DocumentFault(component, phase, -1, "", 1, instance_id, loses_host=True, after_work=after_work)
        with self._lock:
            self._documents.append(fault)

    def pause_agent_at(self, component: str, phase: str, *, instance_id: str | None = None) -> None:
        """The next host that is sent this document hangs before it begins. Once its agent is resumed it runs what it
        was sent, however late that is."""
        fault = DocumentFault(component, phase, 0, "", 1, instance_id, pauses_agent=True)
        with self._lock:
            self._documents.append(fault)

    def never_online(self, *, times: float = 1) -> None:
        """The agents of the next machines that boot never register."""
        with self._lock:
            self._offline += times

    def fail_boot(self, *, times: float = 1) -> None:
        with self._lock:
            self._boot_failures += times

    def slow(self, component: str, phase: str, seconds: float) -> None:
        """From now on the document takes so long."""
        with self._lock:
            self._seconds[component, phase] = seconds

    def clear(self) -> None:
        with self._lock:
            self._documents.clear()
            self._seconds.clear()
            self._offline_ids.clear()
            self._offline = self._boot_failures = 0

    # What the hosts ask.

    def seconds(self, component: str, phase: str) -> float:
        return self._seconds.get((component, phase), 0.0)

    def document(self, component: str, phase: str, instance_id: str) -> DocumentFault | None:
        with self._lock:
            for fault in self._documents:
                if fault.times <= 0 or (fault.component, fault.phase) != (component, phase):
                    continue
                if fault.instance_id not in (None, instance_id):
                    continue
                fault.times -= 1
                return fault
        return None

    def boot_fails(self) -> bool:
        with self._lock:
            fails = self._boot_failures > 0
            self._boot_failures -= 1 if fails and self._boot_failures != math.inf else 0
            return fails

    def booted(self, instance_id: str) -> None:
        with self._lock:
            if self._offline > 0:
                self._offline -= 1
                self._offline_ids.add(instance_id)

    def offline(self, instance_id: str) -> bool:
        return instance_id in self._offline_ids
