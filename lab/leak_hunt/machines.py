"""Places of container hosts: their journals, and what anybody with an account on them can read."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

from lab.laboratory import Laboratory
from lab.leak_hunt.hunt import Place

LARGEST_BYTES = 8 * 1024 * 1024
"""Of a file that is read; programs and images are larger, and came from the bucket."""

KEY_FILE = "etc/quorate/tls/node.key"
LOOKED_AT = ("etc", "home", "mnt", "opt", "root", "run", "srv", "tmp", "usr/local", "var")


def journals(lab: Laboratory) -> Iterator[Place]:
    for node in lab.nodes():
        told = lab.data_center.look(node.instance_id, "journalctl --no-pager --output=cat")
        yield Place(f"{node.instance_id}: journal", told.encode())


def private_keys(root: Path) -> dict[str, str]:
    """The host's own keys, which no store holds and which are looked for all the same: each line of their base64."""
    lines = (root / KEY_FILE).read_text().splitlines()
    return {f"{KEY_FILE} line {number}": line for number, line in enumerate(lines) if not line.startswith("-")}


def files(host: str, root: Path, *, since: float) -> Iterator[Place]:
    """World-readable files of the host whose root directory that is, changed since then (seconds since the epoch)."""
    for top in LOOKED_AT:
        for path in _readable(root / top):
            status = path.lstat()
            if stat.S_ISREG(status.st_mode) and status.st_ctime >= since and status.st_size <= LARGEST_BYTES:
                yield Place(f"{host}: /{path.relative_to(root)}", path.read_bytes())


def _readable(top: Path) -> Iterator[Path]:
    """Files that others than their owner and its group may read, in directories that they may enter."""
    try:
        entries = list(os.scandir(top))
    except (FileNotFoundError, NotADirectoryError):
        return
    for entry in entries:
        try:
            mode = entry.stat(follow_symlinks=False).st_mode
        except FileNotFoundError:
            continue
        if stat.S_ISDIR(mode) and mode & stat.S_IXOTH:
            yield from _readable(Path(entry.path))
        elif stat.S_ISREG(mode) and mode & stat.S_IROTH:
            yield Path(entry.path)
