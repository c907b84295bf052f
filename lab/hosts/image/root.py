"""Debian's root file system as a tar in the cache, by mmdebstrap: the same bytes each time, 20 s on two idle cores."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from lab.products.artifact import Artifact, Store, cache_directory, recipe_of
from lab.products.distribution import DEBIAN
from lab.products.progress import Report, Step, silent

SYSTEM = DEBIAN.system
SUITE = DEBIAN.suites[0][1]
CUSTOMIZE = Path(__file__).parent / "customize.sh"

# As in Debian's own container images: no pages to read, and no fsync for each file of a machine that lives an hour.
DPKG_OPTIONS = (
    "path-exclude=/usr/share/man/*",
    "path-exclude=/usr/share/doc/*",
    "path-exclude=/usr/share/locale/*",
    "force-unsafe-io",
)


class ImageFailed(Exception):
    """The image could not be made; the message holds the last words of what failed."""


def build(arch: str, progress: Report = silent, store: Store | None = None) -> Artifact:
    """The root file system's tar; a no-op when the cache holds one of the same recipe."""
    store = store or Store(cache_directory() / "hosts")
    name = f"host_{SYSTEM}_{arch}"
    recipe = recipe_of(SUITE, DEBIAN.image, DPKG_OPTIONS, CUSTOMIZE.read_text(), DEBIAN.mirror(arch))

    def say(doing: str, done: float = 0, finished: bool = False) -> None:
        progress(Step("host image", doing, done, len(_STAGES), finished))

    if root := store.find(name, SUITE, recipe):
        say("in the cache", finished=True)
        return root
    with store.working(lambda: say("waiting for another build on this machine")) as directory:
        if not (root := store.find(name, SUITE, recipe)):
            target = directory / f"{name}.tar"
            _mmdebstrap(target, arch, directory, say)
            root = store.keep(name, SUITE, recipe, target, "debian")
    say(f"Debian {SUITE}, {root.bytes / 1e6:.0f} MB", finished=True)
    return root


# What mmdebstrap says it does, in order ("I: downloading packages with apt..."): the units of its progress.
_STAGES = (
    "running apt-get update",
    "downloading packages",
    "extracting archives",
    "installing essential packages",
    "installing remaining packages",
    "cleaning package lists",
    "creating tarball",
)


# mmdebstrap mounts /proc, /sys and devices into its tree. Killed, or orphaned by a killed lab, it would leave them on
# this machine, in a directory that the next build clears. In namespaces of its own, mounts and processes go with it;
# and it goes with the thread that waits for it.
_ALONE = ("setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--pid", "--fork", "--kill-child")


def _mmdebstrap(target: Path, arch: str, directory: Path, say: Callable[..., None]) -> None:
    command = [
        *_ALONE,
        "mmdebstrap",
        "--mode=root",
        "--variant=minbase",
        f"--architectures={arch}",
        f"--include={','.join(DEBIAN.image)}",
        *(f"--dpkgopt={option}" for option in DPKG_OPTIONS),
        f"--customize-hook={CUSTOMIZE}",
        SUITE,
        str(target),
        *DEBIAN.sources(arch),
    ]
    environment = os.environ | {"TMPDIR": str(directory), "SOURCE_DATE_EPOCH": "1"}
    lines: list[str] = []
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        for line in process.stderr or ():
            lines.append(line.rstrip())
            for number, stage in enumerate(_STAGES):
                if stage in line:
                    say(stage, number)
    if process.returncode != 0:
        raise ImageFailed("mmdebstrap: " + "\n".join(lines[-20:]))
