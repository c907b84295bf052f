"""Packages of a distribution that this machine need not be of, by the real apt, from an archive that the test makes."""

import gzip
import hashlib
import os
import shutil
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from lab.products import distribution, packages
from lab.products.artifact import Artifact, Store
from lab.products.distribution import DEBIAN, UBUNTU, Distribution, MirrorUnknown
from lab.products.packages import PackagesFailed, system_artifacts

pytestmark = pytest.mark.skipif(shutil.which("apt-get") is None, reason="apt is not installed")


class Unsigned(Distribution):
    """Taken as it comes: not every machine with apt can make signatures."""

    @property
    def trust(self) -> str:
        return "trusted=yes"


@dataclass
class Archive:
    """Packages lists by suite and component; a package without files is listed and cannot be downloaded."""

    directory: Path
    lists: dict[tuple[str, str], list[str]] = field(default_factory=dict)

    def add(self, where: str, name: str, version: str, *, arch: str = "arm64", has: str = "", **fields: str) -> None:
        suite, component = where.split("/")
        control = {"Package": name, "Version": version, "Architecture": arch, "Maintainer": "x <x@x>", **fields}
        lines = [f"{key}: {value}" for key, value in control.items()] + ["Description: x"]
        pool = self.directory / "pool" / f"{name}_{version.partition(':')[2] or version}_{arch}.deb"
        entry = [f"Filename: pool/{pool.name}", "Size: 1", f"SHA256: {'0' * 64}"]
        if has:
            tree = self.directory / "trees" / pool.stem
            for path, content in {"DEBIAN/control": "\n".join(lines) + "\n", has: name}.items():
                (tree / path).parent.mkdir(parents=True, exist_ok=True)
                (tree / path).write_text(content)
            pool.parent.mkdir(exist_ok=True)
            subprocess.run(["dpkg-deb", "-Znone", "--build", tree, pool], check=True, capture_output=True)
            content = pool.read_bytes()
            entry[1:] = [f"Size: {len(content)}", f"SHA256: {hashlib.sha256(content).hexdigest()}"]
        self.lists.setdefault((suite, component), []).append("\n".join([*lines, *entry, ""]))

    def publish(self, *suites: str) -> None:
        """For both architectures, which share the files: apt compares these with the lists alone."""
        for suite in suites:
            root, sums = self.directory / "dists" / suite, []
            for place in (f"{one}/binary-{arch}" for one in ("main", "universe") for arch in ("arm64", "amd64")):
                component, _, arch = place.partition("/binary-")
                listed = (
                    "\n".join(self.lists.get((suite, component), [])).replace("ture: arm64", f"ture: {arch}").encode()
                )
                path = root / place / "Packages.gz"
                path.parent.mkdir(parents=True)
                path.write_bytes(gzip.compress(listed))
                for name, content in ((path.name, path.read_bytes()), (path.stem, listed)):
                    sums.append(f" {hashlib.sha256(content).hexdigest()} {len(content)} {place}/{name}")
            head = f"Suite: {suite}\nCodename: {suite}\nComponents: main universe\nArchitectures: arm64 amd64 all\n"
            date = "Date: Thu, 25 Apr 2024 15:10:33 UTC\n"
            (root / "Release").write_text(f"{head}{date}SHA256:\n" + "\n".join(sums) + "\n")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    """Ubuntu's in small. What an image has is listed alone: nobody may download it."""
    archive = Archive(tmp_path_factory.mktemp("archive"))
    archive.add("noble/main", "base-files", "13", Essential="yes", Priority="required")
    archive.add("noble/main", "libc6", "2.39", Priority="required")
    archive.add("noble/main", "apt", "2.7", Depends="libc6 (>= 2.38)", Priority="important")
    archive.add("noble/main", "libshared", "1.0")
    archive.add("noble-updates/main", "libshared", "1.1", Depends="libc6")
    for name in UBUNTU.image:
        archive.add("noble/main", name, "1", Depends="libshared", Recommends="iptables")
    archive.add("noble/main", "iptables", "1.8", has="usr/sbin/iptables")
    archive.add("noble/main", "jq", "1.7", has="usr/bin/jq", Depends="libjq1 (= 1.7), libc6, libshared")
    archive.add("noble/main", "libjq1", "1.7", has="usr/lib/libjq")
    archive.add("noble/main", "unzip", "6.0-28", has="usr/bin/unzip", Depends="libc6")
    archive.add("noble-security/main", "unzip", "6.0-28.1", has="usr/bin/unzip", Depends="libc6")
    docker = "containerd, iptables, libshared (>= 1.1), docker-data"
    archive.add("noble/universe", "docker.io", "2:24.0", has="usr/bin/dockerd", Depends=docker, Recommends="extra")
    archive.add("noble/universe", "docker-data", "24.0", arch="all", has="usr/share/docker")
    archive.add("noble/main", "containerd", "1.7", has="usr/bin/containerd", Depends="libc6")
    archive.add("noble/main", "extra", "1", has="usr/bin/extra")
    archive.add("noble/main", "busybox-static", "1.36", has="usr/bin/busybox")
    archive.publish("noble", "noble-updates", "noble-security")
    return archive


@pytest.fixture
def ubuntu(archive: Archive, monkeypatch: pytest.MonkeyPatch) -> Distribution:
    """Read from the archive's directory; `copy:`, as of `file:` apt would take nothing into its cache."""
    monkeypatch.setenv("QUORATE_UBUNTU_MIRROR", f"copy:{archive.directory}/")
    unsigned = Unsigned(**vars(UBUNTU) | {"keyring": os.devnull})
    return known(monkeypatch, unsigned)


def known(monkeypatch: pytest.MonkeyPatch, *distributions: Distribution) -> Distribution:
    monkeypatch.setattr(packages, "DISTRIBUTIONS", {one.system: one for one in distributions})
    return distributions[0]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "cache")


def in_set(artifact: Artifact) -> set[str]:
    with tarfile.open(artifact.path) as tar:
        return set(tar.getnames())


def test_a_set_has_the_newest_of_what_an_image_lacks_and_nothing_that_it_has(
    ubuntu: Distribution, store: Store
) -> None:
    made = {one.name: one for one in system_artifacts("ubuntu_24_04", "arm64", store=store)}
    prerequisites, docker = (made[f"{name}_ubuntu_24_04_arm64"] for name in ("prerequisites", "docker"))
    assert in_set(prerequisites) == {"jq_1.7_arm64.deb", "libjq1_1.7_arm64.deb", "unzip_6.0-28.1_arm64.deb"}
    assert in_set(docker) == {
        "docker.io_2%3a24.0_arm64.deb",
        "docker-data_24.0_all.deb",
        "containerd_1.7_arm64.deb",
        "iptables_1.8_arm64.deb",  # an image may have it: nobody promises
    }
    assert (prerequisites.version, docker.version, docker.origin) == ("1.7", "2:24.0", "ubuntu")
    assert made.keys() - {prerequisites.name, docker.name} == {"pause_image_arm64", "hello_image_arm64"}
    with tarfile.open(made["pause_image_arm64"].path) as tar:
        assert len(tar.getnames()) == 3


def test_another_architecture_does_not_take_its_place(
    ubuntu: Distribution, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = [system_artifacts("ubuntu_24_04", arch, store=store) for arch in ("arm64", "amd64")]
    assert in_set(made[1][0]) == {"jq_1.7_amd64.deb", "libjq1_1.7_amd64.deb", "unzip_6.0-28.1_amd64.deb"}
    monkeypatch.setenv("PATH", "/nowhere")
    assert [system_artifacts("ubuntu_24_04", arch, store=store) for arch in ("arm64", "amd64")] == made


def test_a_system_that_is_none_of_apts_gets_images_alone(
    ubuntu: Distribution, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(packages, "DEBIAN", ubuntu)
    made = system_artifacts("amazon_linux_2023", "arm64", store=store)
    assert [one.name for one in made] == ["pause_image_arm64", "hello_image_arm64"]


def test_a_mirror_that_does_not_answer_is_named_with_what_helps(
    ubuntu: Distribution, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "apt.conf").write_text('Acquire::Retries "0";\n')
    monkeypatch.setenv("APT_CONFIG", str(tmp_path / "apt.conf"))
    monkeypatch.setenv("QUORATE_UBUNTU_MIRROR", "http://127.0.0.1:9/ubuntu")  # the discard port: refused at once
    with pytest.raises(PackagesFailed, match=r"(?s)127\.0\.0\.1.*set QUORATE_UBUNTU_MIRROR to the URL of another"):
        system_artifacts("ubuntu_24_04", "arm64", store=store)


def test_without_the_keyring_its_package_is_named(
    ubuntu: Distribution, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    known(monkeypatch, replace(ubuntu, keyring="/nowhere/ubuntu.gpg"))
    with pytest.raises(PackagesFailed, match=r"/nowhere/ubuntu\.gpg is not here.*ubuntu-archive-keyring"):
        system_artifacts("ubuntu_24_04", "arm64", store=store)


class TestMirror:
    @pytest.fixture
    def machine(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """What this machine's apt says of its repositories."""
        said = tmp_path / "repositories"
        script = tmp_path / "bin" / "apt-get"
        script.parent.mkdir()
        script.write_text(f'#!/bin/sh\nwhile read -r line; do echo "$line"; done <{said}\n')
        script.chmod(0o755)
        monkeypatch.setenv("PATH", str(script.parent))
        for variable in ("QUORATE_DEBIAN_MIRROR", "QUORATE_UBUNTU_MIRROR"):
            monkeypatch.delenv(variable, raising=False)
        return said

    def test_it_is_the_machines_own_if_that_is_of_the_distribution_and_the_architecture(self, machine: Path) -> None:
        machine.write_text(
            "Docker http://docker.test/linux/ubuntu/\n"
            "LP-PPA-some body http://ppa.test/some/body/ubuntu/\n"
            "Ubuntu http://near.test/ubuntu/\n"
            "$(ORIGIN) http://unread.test/debian/\n"
        )
        assert UBUNTU.mirror("amd64") == "http://near.test/ubuntu"
        assert UBUNTU.mirror("arm64") == UBUNTU.public["arm64"]
        assert DEBIAN.mirror("arm64") == "http://unread.test/debian"

    def test_a_named_one_comes_first(self, machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        machine.write_text("Ubuntu http://near.test/ubuntu/\n")
        monkeypatch.setenv("QUORATE_UBUNTU_MIRROR", "http://named.test/ubuntu/")
        assert UBUNTU.mirror("amd64") == "http://named.test/ubuntu"
        assert UBUNTU.sources("amd64")[2] == (
            f"deb [signed-by={UBUNTU.keyring}] http://named.test/ubuntu noble-security main universe"
        )

    def test_debians_has_to_be_named_where_the_machine_knows_none(
        self, machine: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        machine.write_text("Ubuntu http://near.test/ubuntu/\n")
        with pytest.raises(MirrorUnknown, match="QUORATE_DEBIAN_MIRROR"):
            DEBIAN.mirror("amd64")
        monkeypatch.setattr(distribution.shutil, "which", lambda program: None)
        with pytest.raises(MirrorUnknown, match="QUORATE_DEBIAN_MIRROR"):
            DEBIAN.mirror("amd64")


@pytest.mark.skipif(shutil.which("gpg") is None, reason="gpg is not installed")
def test_what_another_key_signed_is_refused(
    archive: Archive, store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    homes = [tempfile.mkdtemp(prefix="quorate-test-") for _ in range(2)]  # short paths: gpg puts sockets there
    mirror = tmp_path / "mirror"
    shutil.copytree(archive.directory, mirror)
    monkeypatch.setenv("QUORATE_UBUNTU_MIRROR", f"copy:{mirror}")

    def gpg(home: str, *arguments: str | Path) -> None:
        command = ["gpg", "--homedir", home, "--batch", "--quiet", "--yes", "--passphrase", "", *arguments]
        subprocess.run(command, check=True, capture_output=True)

    try:
        for home in homes:
            gpg(home, "--quick-gen-key", "test", "ed25519", "sign", "never")
        gpg(homes[0], "--output", tmp_path / "keyring.gpg", "--export")
        known(monkeypatch, replace(UBUNTU, keyring=str(tmp_path / "keyring.gpg")))
        for home in (homes[1], homes[0]):
            for release in mirror.glob("dists/*/Release"):
                gpg(home, "--output", release.with_name("InRelease"), "--clear-sign", release)
            if home == homes[1]:
                with pytest.raises(PackagesFailed, match="NO_PUBKEY"):
                    system_artifacts("ubuntu_24_04", "arm64", store=store)
        assert len(system_artifacts("ubuntu_24_04", "arm64", store=store)) == 4
    finally:
        for home in homes:
            subprocess.run(["gpgconf", "--homedir", home, "--kill", "all"], capture_output=True)
            shutil.rmtree(home)
