"""Where a clone keeps its lab: the background process's record, its control socket and its log, in `.lab/`."""

import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path

LONGEST_SOCKET_PATH = 107
"""sun_path has 108 bytes with its closing zero (unix(7))."""


@dataclass(frozen=True)
class Record:
    """The background process. Its start time tells it from another process that got the same number."""

    pid: int
    started_at_ticks: int
    kind: str
    cluster: str
    socket: str

    @property
    def alive(self) -> bool:
        return _start_ticks(self.pid) == self.started_at_ticks


class State:
    """`directory` is made when something is written."""

    def __init__(self, directory: Path | None = None) -> None:
        chosen = os.environ.get("QUORATE_LAB_STATE")
        self.directory = directory or (Path(chosen) if chosen else Path(__file__).parents[1] / ".lab")

    @property
    def log(self) -> Path:
        return self.directory / "lab.log"

    @property
    def authority(self) -> Path:
        """The cluster's CA certificate, for whoever calls the products' APIs."""
        return self.directory / "ca.pem"

    def read(self) -> Record | None:
        """What was written last, by a process that may have died since."""
        try:
            return Record(**json.loads((self.directory / "record.json").read_text()))
        except (FileNotFoundError, ValueError, TypeError):
            return None

    def write(self, kind: str, cluster: str) -> Record:
        """Record the calling process as the lab's."""
        self.directory.mkdir(parents=True, exist_ok=True)
        pid = os.getpid()
        ticks = _start_ticks(pid)
        assert ticks is not None
        record = Record(pid, ticks, kind, cluster, self._socket_path())
        unfinished = self.directory / f"record.{pid}"
        unfinished.write_text(json.dumps(asdict(record)) + "\n")
        unfinished.replace(self.directory / "record.json")
        return record

    def forget(self) -> None:
        """Remove the record and the socket; the log stays, it may tell why."""
        record = self.read()
        if record is not None:
            socket = Path(record.socket)
            socket.unlink(missing_ok=True)
            if socket.parent != self.directory.resolve() and socket.parent.exists():
                socket.parent.rmdir()  # it was made for the socket alone
        for name in ("record.json", "ca.pem"):
            (self.directory / name).unlink(missing_ok=True)

    def _socket_path(self) -> str:
        path = str(self.directory.resolve() / "control.sock")
        if len(path.encode()) > LONGEST_SOCKET_PATH:
            path = str(Path(tempfile.mkdtemp(prefix="quorate-lab-")) / "control.sock")
        return path


def _start_ticks(pid: int) -> int | None:
    """Field 22 of /proc/<pid>/stat (proc(5)); None for a process that is gone or a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()  # the name before may hold spaces and brackets
    return None if fields[0] == "Z" else int(fields[19])
