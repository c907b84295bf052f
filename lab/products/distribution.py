"""Distributions whose packages apt brings, on any machine that has it: where they are, who signs them, and what every
image of theirs has."""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass

from lambdas.domain.config import System

BASE = ("?essential", "?priority(required)", "apt")
"""What no installation lacks (mmdebstrap's variant `minbase`), as apt's patterns."""


class MirrorUnknown(Exception):
    """Nobody said where the distribution's packages are; the message says how to."""


@dataclass(frozen=True)
class Distribution:
    name: str
    system: System
    suites: tuple[tuple[str, str], ...]
    """What follows the mirror's URL, and the suite there; the release itself first."""
    components: str
    archives: Mapping[str, str]
    """By architecture, the archive's own name, which is the last part of its URL on every mirror."""
    public: Mapping[str, str]
    """By architecture, the mirror where neither `variable` nor this machine's own apt names one."""
    variable: str
    keyring: str
    keyring_package: str
    """Brings the keyring to another distribution."""
    image: tuple[str, ...]
    """Packages that AWS's image has beside BASE, with all that they depend on."""

    def mirror(self, arch: str) -> str:
        if named := os.environ.get(self.variable):
            return named.rstrip("/")
        for origin, uri in _repositories_of_this_machine():
            if origin in (self.name, "$(ORIGIN)") and uri.endswith(f"/{self.archives[arch]}"):
                return uri
        if arch in self.public:
            return self.public[arch]
        raise MirrorUnknown(
            f"{self.name}'s packages are needed, and this machine's apt knows no mirror of them: "
            f"set {self.variable} to the URL of one, up to and with /{self.archives[arch]}"
        )

    def sources(self, arch: str) -> tuple[str, ...]:
        """The lines of apt's sources.list."""
        mirror = self.mirror(arch)
        return tuple(f"deb [{self.trust}] {mirror}{path} {suite} {self.components}" for path, suite in self.suites)

    @property
    def trust(self) -> str:
        return f"signed-by={self.keyring}"


def _repositories_of_this_machine() -> list[tuple[str, str]]:
    """Whose each is, which apt leaves as it is asked where it has not read a repository yet, and its URL."""
    if not shutil.which("apt-get"):
        return []
    command = ["apt-get", "indextargets", "--format", "$(ORIGIN) $(REPO_URI)"]
    lines = subprocess.run(command, capture_output=True, text=True).stdout.splitlines()
    return [(origin, uri.rstrip("/")) for origin, _, uri in (line.rpartition(" ") for line in lines)]


DEBIAN = Distribution(
    name="Debian",
    system="debian_12",
    suites=(("", "bookworm"), ("", "bookworm-updates"), ("-security", "bookworm-security")),
    components="main",
    archives={"amd64": "debian", "arm64": "debian"},
    public={},
    variable="QUORATE_DEBIAN_MIRROR",
    keyring="/usr/share/keyrings/debian-archive-keyring.gpg",
    keyring_package="debian-archive-keyring",
    # And what the lab's hosts have. cloud-init brings Python to AWS's image, and user data counts on it;
    # python3-minimal has no http module. jq and unzip are left out on purpose: nodes install them from their bucket.
    image=(
        "systemd",
        "systemd-sysv",
        "dbus",
        "ca-certificates",
        "curl",
        "iproute2",
        "iptables",
        "kmod",
        "nftables",
        "openssl",
        "procps",
        "python3",
        "systemd-resolved",
    ),
)

UBUNTU = Distribution(
    name="Ubuntu",
    system="ubuntu_24_04",
    suites=(("", "noble"), ("", "noble-updates"), ("", "noble-security")),
    components="main universe",  # docker.io is in universe
    archives={"amd64": "ubuntu", "arm64": "ubuntu-ports"},
    public={"amd64": "http://archive.ubuntu.com/ubuntu", "arm64": "http://ports.ubuntu.com/ubuntu-ports"},
    variable="QUORATE_UBUNTU_MIRROR",
    keyring="/usr/share/keyrings/ubuntu-archive-keyring.gpg",
    keyring_package="ubuntu-archive-keyring (Debian 12's is in bookworm-backports)",  # Ubuntu has the file anyway
    # The seeds of Ubuntu's server images that are metapackages, and only what these depend on, not what they recommend.
    # Better too few: what an image has already dpkg leaves alone, while a set that lacks something cannot be installed.
    image=("ubuntu-minimal", "ubuntu-standard", "ubuntu-server", "cloud-init"),
)

DISTRIBUTIONS: Mapping[str, Distribution] = {one.system: one for one in (DEBIAN, UBUNTU)}
