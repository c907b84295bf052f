"""What the cache keeps: finished files, each with a record of what it is. No record, no artifact.

    <cache>/products/<name>/<version>/<recipe>/<file>          as the vendor names it
    <cache>/products/<name>/<version>/<recipe>/artifact.json   written last

`recipe` is a digest of everything that decides the file's content, so a changed go.mod or package list is a miss.
"""

import fcntl
import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Artifact:
    """A file that nodes install from. `name` is its name in the manifest; see `lab.products.manifest`."""

    name: str
    version: str
    path: Path
    sha256: str
    bytes: int
    origin: str  # "release", "built" (from Go modules), "debian", "ubuntu", "made" (by the lab)

    @property
    def key(self) -> str:
        """Its key in the cluster's bucket."""
        return f"artifacts/{self.path.name}"


def cache_directory() -> Path:
    """${QUORATE_CACHE}, else ${XDG_CACHE_HOME}/quorate, else ~/.cache/quorate."""
    if chosen := os.environ.get("QUORATE_CACHE"):
        return Path(chosen)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "quorate"


def sha256_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def recipe_of(*parts: object) -> str:
    """Twelve hex digits over the parts, each by its repr: give it strings, bytes, numbers, tuples of these."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(repr(part).encode() + b"\0")
    return digest.hexdigest()[:12]


class Store:
    """The cache on disk. Look up without the lock; do work and `keep` its result under `working`."""

    def __init__(self, root: Path | None = None) -> None:
        self.root = root or cache_directory() / "products"

    def find(self, name: str, version: str, recipe: str) -> Artifact | None:
        directory = self.root / name / version / recipe
        try:
            record = json.loads((directory / "artifact.json").read_text())
            path = directory / record.pop("file")
            artifact = Artifact(path=path, **record)
            return artifact if path.stat().st_size == artifact.bytes else None
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None

    @contextmanager
    def working(self, waiting: Callable[[], None] = lambda: None) -> Iterator[Path]:
        """An empty directory on the cache's own disk, held by at most one process of this machine at a time.

        `waiting` is called once if another one holds it.
        """
        self.root.mkdir(parents=True, exist_ok=True)
        with (self.root / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting()
                fcntl.flock(lock, fcntl.LOCK_EX)
            for left in self.root.glob(".working-*"):  # of a process that was killed: the lock is ours, so it is gone
                shutil.rmtree(left, ignore_errors=True)
            directory = Path(tempfile.mkdtemp(prefix=".working-", dir=self.root))
            try:
                yield directory
            finally:
                shutil.rmtree(directory, ignore_errors=True)

    def keep(self, name: str, version: str, recipe: str, file: Path, origin: str) -> Artifact:
        """Move a finished file from the working directory into the cache."""
        directory = self.root / name / version / recipe
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        path = directory / file.name
        artifact = Artifact(name, version, path, sha256_of(file), file.stat().st_size, origin)
        file.replace(path)
        record = asdict(artifact) | {"file": path.name}
        del record["path"]
        unfinished = directory / "artifact.json.unfinished"
        unfinished.write_text(json.dumps(record, indent=2) + "\n")
        unfinished.replace(directory / "artifact.json")
        return artifact
