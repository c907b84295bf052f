"""What the machine itself must have before hosts can run on it, and how to get it on Debian and Ubuntu.

    missing()           what is not there, each with the reason it is needed
    install(progress)   gets it by apt where we are root on Debian or Ubuntu, else says what to install and why

Simulated hosts need nothing of this. Go is not in the list: it is needed only where the vendors' releases cannot be
reached, and `lab.products` says so when it comes to that.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lab.products.distribution import DEBIAN
from lab.products.progress import Report, Step, silent


@dataclass(frozen=True)
class Prerequisite:
    """`packages` are those of Debian and Ubuntu, which agree on all of these names."""

    name: str
    reason: str
    packages: tuple[str, ...]
    present: Callable[[], bool]


class PrerequisitesMissing(Exception):
    """The message says what is missing, why it is needed, and the command that gets it."""


def _program(name: str, reason: str, *packages: str) -> Prerequisite:
    return Prerequisite(name, reason, packages or (name,), lambda: shutil.which(name) is not None)


def _file(path: str, reason: str, package: str) -> Prerequisite:
    return Prerequisite(path, reason, (package,), lambda: Path(path).exists())


def _engine_answers() -> bool:
    """A program alone is not an engine: podman wants its network helper, docker's client its daemon."""
    return any(
        shutil.which(engine) and subprocess.run([engine, "info"], capture_output=True).returncode == 0
        for engine in ("podman", "docker")
    )


PREREQUISITES = (
    Prerequisite("podman", "runs the hosts (a Docker daemon does, too)", ("podman", "netavark"), _engine_answers),
    _program("runc", "runs containers where cgroups are hybrid, which podman's crun refuses"),
    _program("ip", "makes the lab's network", "iproute2"),
    _program("nsenter", "reaches into hosts", "util-linux"),
    _program("mmdebstrap", "makes the hosts' root file system"),
    _file(DEBIAN.keyring, "verifies the packages of that", DEBIAN.keyring_package),
    _program("dpkg-deb", "unpacks busybox for the lab's images", "dpkg"),
    _program("apt-get", "downloads the packages that nodes install", "apt"),
    _program("gpg", "verifies the signatures of the vendors' releases", "gnupg"),
    _program("gcc", "compiles Nomad where its release cannot be reached"),
    _file("/usr/include/stdlib.h", "as gcc", "libc6-dev"),
)


def missing() -> list[Prerequisite]:
    return [prerequisite for prerequisite in PREREQUISITES if not prerequisite.present()]


def install(progress: Report = silent) -> None:
    """Make `missing()` empty, or raise PrerequisitesMissing. Nothing is done, or asked of apt, if it is already."""
    lacking = missing()
    if not lacking:
        return
    if os.geteuid() != 0 or shutil.which("apt-get") is None:
        raise PrerequisitesMissing(advice(lacking))
    said = _apt_get(["update"], progress, "apt-get update")
    packages = packages_of(lacking)
    said += _apt_get(["install", "--yes", "--no-install-recommends", *packages], progress, " ".join(packages))
    if still := missing():
        raise PrerequisitesMissing(f"{advice(still)}\n\napt-get said:\n{said.strip()[-2000:]}")
    progress(Step("prerequisites", "installed", finished=True))


def packages_of(lacking: list[Prerequisite]) -> list[str]:
    return sorted({package for prerequisite in lacking for package in prerequisite.packages})


def advice(lacking: list[Prerequisite]) -> str:
    """What a person reads who must install it."""
    lines = [f"  {prerequisite.name}: {prerequisite.reason}" for prerequisite in lacking]
    return "\n".join(
        [
            "Hosts as containers need, and this machine lacks:",
            *lines,
            f"As root: apt-get install --no-install-recommends {' '.join(packages_of(lacking))}",
            "Without root and containers: make up HOSTS=simulated",
        ]
    )


def _apt_get(arguments: list[str], progress: Report, doing: str) -> str:
    """Run apt-get, its own progress shown; what it complained of is returned.

    Its exit code is not asked: `update` fails for a repository that has nothing to do with us. What is missing
    afterwards is what counts.
    """
    command = ["apt-get", "-qq", "-oAPT::Status-Fd=1", "-oDpkg::Use-Pty=0", *arguments]
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    complaints = []
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, text=True
    ) as process:
        for line in process.stdout or ():
            # "dlstatus:<number>:<percent>:<words>" while downloading, "pmstatus:<package>:..." while installing
            words = line.split(":")
            if words[0] in ("dlstatus", "pmstatus") and len(words) >= 4:
                # Downloading is taken as the first half.
                percent = float(words[2]) / 2 + (50 if words[0] == "pmstatus" else 0)
                progress(Step("prerequisites", doing, percent, 100))
            elif line.startswith(("E:", "W:")):
                complaints.append(line)
    return "".join(complaints)
