"""The cloud assembly of all clusters of this suite; as a program, made before several processes ask for it."""

import fcntl
from pathlib import Path

from lab.assembly import synthesize
from lab.products.artifact import cache_directory

CLUSTERS = {path.stem: path for path in sorted((Path(__file__).parent / "clusters").glob("*.yaml"))}


def assembled() -> Path:
    place = cache_directory()
    place.mkdir(parents=True, exist_ok=True)
    with (place / "integration.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the second process finds what the first one makes
        return synthesize(*CLUSTERS.values())


if __name__ == "__main__":
    assembled()
