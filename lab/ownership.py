"""Whose a lab of a given name is: on one machine at most one process has it, and only that one may sweep."""

import fcntl
from typing import IO

from lab.products.artifact import cache_directory


class OwnedElsewhereError(OSError):
    """Another process of this machine has the lab of that name."""


def own(name: str) -> IO[str]:
    """Take the name until the file that is returned is closed, or the process ends. Raises OwnedElsewhereError."""
    cache_directory().mkdir(parents=True, exist_ok=True)
    file = (cache_directory() / f"{name}.lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.close()
        raise OwnedElsewhereError(
            f"another process has {name} on this machine, perhaps from another clone: `make down` there, "
            "or name a second lab by QUORATE_LAB=<name>"
        ) from None
    return file
