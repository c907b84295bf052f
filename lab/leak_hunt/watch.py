"""Places that last for a moment: arguments and environments of processes, looked at all the time."""

import os
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from lab.leak_hunt.hunt import Place

PAUSE_SECONDS = 0.02
"""Between two looks. A curl lives for some ten milliseconds, and there are hundreds of them in a formation."""

PROCESSES = Path("/proc")


class Watch:
    """Keeps what /proc told of every process that started while it was open, hosts' processes among them."""

    def __init__(self) -> None:
        self._seen: dict[str, set[bytes]] = {"arguments of a process": set(), "environment of a process": set()}
        self._known: set[tuple[str, bytes]] = set()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._look, name="leak watch", daemon=True)

    def __enter__(self) -> "Watch":
        # What runs already is not of the cluster; this process itself holds what it looks for in memory alone.
        self._known = {(entry, _read(entry, "cmdline")) for entry in _processes()}
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ending.set()
        self._thread.join()

    def places(self) -> Iterator[Place]:
        for where, texts in self._seen.items():
            yield Place(where, b"\n".join(sorted(texts)))

    @property
    def processes_seen(self) -> int:
        return len(self._known)

    def _look(self) -> None:
        while not self._ending.wait(PAUSE_SECONDS):
            for entry in _processes():
                arguments = _read(entry, "cmdline")
                if not arguments or (entry, arguments) in self._known:
                    continue
                self._known.add((entry, arguments))
                self._seen["arguments of a process"].add(arguments)
                self._seen["environment of a process"].add(_read(entry, "environ"))


def _processes() -> list[str]:
    return [name for name in os.listdir(PROCESSES) if name.isdecimal()]


def _read(process_id: str, what: str) -> bytes:
    with suppress(OSError):
        return (PROCESSES / process_id / what).read_bytes()
    return b""
