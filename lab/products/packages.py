"""Packages that nodes install from their bucket: what their image lacks, and nothing else.

apt decides what that is, from what every image has; nothing of this machine's own apt is read but its way to the
mirror, and neither root nor a machine of the nodes' architecture or distribution is needed. A set is one tar of .deb
files, for `dpkg --install *.deb`.
"""

import io
import re
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

from lab.products.archive import write_tar
from lab.products.artifact import Artifact, Store, recipe_of
from lab.products.distribution import BASE, DEBIAN, DISTRIBUTIONS, Distribution
from lab.products.images import IMAGES, write_image
from lab.products.progress import Report, Step, silent
from lambdas.domain.config import System


@dataclass(frozen=True)
class PackageSet:
    """`packages` with everything they depend on; the set's version is that of the first."""

    name: str
    packages: tuple[str, ...]


SETS = (PackageSet("prerequisites", ("jq", "unzip")), PackageSet("docker", ("docker.io",)))


class PackagesFailed(Exception):
    """apt said no; the message holds its words."""


def system_artifacts(
    system: System, arch: str, progress: Report = silent, store: Store | None = None
) -> list[Artifact]:
    """The package sets for nodes of that system and architecture, and the images made from a static busybox.

    A system that is none of apt's has no sets: its nodes use its own repositories.
    """
    store = store or Store()
    distribution = DISTRIBUTIONS.get(system, DEBIAN)
    sets = SETS if system in DISTRIBUTIONS else ()
    recipe = recipe_of(BASE, distribution.image, sets, IMAGES, distribution.sources(arch))
    names = [f"{one.name}_{system}_{arch}" for one in sets] + [f"{image.name}_image_{arch}" for image in IMAGES]

    def say(doing: str, done: float = 0, finished: bool = False) -> None:
        progress(Step("packages and images", doing, done, len(names), finished))

    def cached() -> list[Artifact]:
        index = store.find(f"packages_{system}", arch, recipe)
        versions = dict(line.split() for line in index.path.read_text().splitlines()) if index else {}
        return [found for name in names if name in versions and (found := store.find(name, versions[name], recipe))]

    if len(found := cached()) == len(names):
        say("in the cache", finished=True)
        return found
    with store.working(lambda: say("waiting for another build on this machine")) as directory:
        say("reading the mirror's package lists")
        apt = Apt(distribution, directory / "apt", arch)
        made = []
        for number, one in enumerate(sets):
            say(f"downloading {one.name}", number)
            debs = apt.download(one.name, one.packages)
            version = _version(debs, one.packages[0])
            target = directory / f"{names[number]}_{recipe_of(sorted(debs))}.tar"
            write_tar(target, debs)
            made.append(store.keep(names[number], version, recipe, target, distribution.name.lower()))
        busybox = apt.file_of("busybox-static", "bin/busybox")
        for image in IMAGES:
            target = directory / f"{image.name}_image_{arch}_{image.version}_{recipe_of(busybox, image)}.tar"
            write_image(image, busybox, arch, target)
            made.append(store.keep(f"{image.name}_image_{arch}", image.version, recipe, target, "made"))
        index = directory / "index"
        index.write_text("".join(f"{artifact.name} {artifact.version}\n" for artifact in made))
        store.keep(f"packages_{system}", arch, recipe, index, "made")
    say(f"{sum(artifact.bytes for artifact in made) / 1e6:.0f} MB", finished=True)
    return made


class Apt:
    """apt-get over a state of its own in `directory`, which believes itself on a node as it boots."""

    def __init__(self, distribution: Distribution, directory: Path, arch: str) -> None:
        self._distribution, self._directory = distribution, directory
        if not Path(distribution.keyring).exists():
            raise PackagesFailed(
                f"{distribution.name}'s packages are signed, and {distribution.keyring} is not here: "
                f"install the package {distribution.keyring_package}"
            )
        for part in (
            "etc/apt/preferences.d",
            "var/lib/apt/lists/partial",
            "var/cache/apt/archives/partial",
            "var/lib/dpkg",
        ):
            (directory / part).mkdir(parents=True)
        (directory / "etc/apt/sources.list").write_text("\n".join(distribution.sources(arch)) + "\n")
        status = directory / "var/lib/dpkg/status"
        status.touch()
        self._options = [
            f"Dir={directory}",
            f"Dir::State::status={status}",
            "Dir::Etc::sourceparts=/dev/null",
            f"APT::Architecture={arch}",
            f"APT::Architectures={arch}",
            "APT::Install-Recommends=false",
            "APT::Sandbox::User=root",  # the cache may be where apt's own user cannot go
            "APT::Update::Error-Mode=any",  # otherwise a mirror that does not answer is a warning
            "APT::Get::Never-Include-Phased-Updates=true",  # otherwise this machine's id decides who gets them
        ]
        try:
            self._run("apt-get", "update")
        except PackagesFailed as failed:
            raise PackagesFailed(f"{failed}\nset {distribution.variable} to the URL of another mirror") from failed
        status.write_text(self._installed(*BASE, *distribution.image))

    def _installed(self, *packages: str) -> str:
        """The package status of a node that has these and what they need."""
        plan = self._run("apt-get", "install", "--simulate", *packages)
        there = [f"{name}={version}" for name, version in re.findall(r"^Inst (\S+) \((\S+)", plan, re.MULTILINE)]
        known = self._run("apt-cache", "show", *there)
        return re.sub(r"^(Package: .*)$", r"\1\nStatus: install ok installed", known, flags=re.MULTILINE)

    def download(self, name: str, packages: tuple[str, ...]) -> dict[str, Path]:
        """The packages and what they need beyond the image, by file name."""
        archives = self._directory / name
        (archives / "partial").mkdir(parents=True)
        self._run("apt-get", "install", "--download-only", "--yes", *packages, f"-oDir::Cache::archives={archives}")
        return {path.name: path for path in archives.glob("*.deb")}

    def file_of(self, package: str, path: str) -> bytes:
        """One file out of a package, which has it in / or, by now, in /usr."""
        deb = next(path for name, path in self.download(package, (package,)).items() if name.startswith(f"{package}_"))
        unpacked = subprocess.run(["dpkg-deb", "--fsys-tarfile", deb], capture_output=True)
        if unpacked.returncode != 0:
            raise PackagesFailed(unpacked.stderr.decode().strip())
        with tarfile.open(fileobj=io.BytesIO(unpacked.stdout)) as tar:
            member = next(one for one in tar if one.name in (f"./{path}", f"./usr/{path}"))
            file = tar.extractfile(member)
            assert file is not None
            return file.read()

    def _run(self, program: str, *arguments: str) -> str:
        if not shutil.which(program):
            name = self._distribution.name
            raise PackagesFailed(f"{program} finds {name}'s packages, and is not here: mirror on Debian or Ubuntu")
        options = ["--quiet=2", *(f"--option={option}" for option in self._options)]
        ran = subprocess.run([program, *options, *arguments], capture_output=True, text=True)
        if ran.returncode != 0:
            raise PackagesFailed(f"{program} {arguments[0]}: {ran.stderr.strip()[-2000:]}")
        return ran.stdout


def _version(debs: dict[str, Path], package: str) -> str:
    """From a file name such as unzip_6.0-28+deb12u1_amd64.deb; a colon is %3a there."""
    for name in debs:
        if name.startswith(f"{package}_"):
            return name.split("_")[1].replace("%3a", ":")
    raise PackagesFailed(f"apt did not download {package}")
