"""What nodes add from their distribution, for an architecture that this machine is not of."""

import json
import tarfile

import pytest

from lab.products.artifact import Artifact
from lab.products.catalogue import host_architecture
from lab.products.packages import system_artifacts

OTHER = {"amd64": "arm64", "arm64": "amd64"}[host_architecture()]


@pytest.fixture(scope="module")
def artifacts() -> dict[str, Artifact]:
    return {one.name: one for one in system_artifacts("debian_12", OTHER)}


@pytest.mark.parametrize(
    ("name", "wanted"),
    [("prerequisites", {"jq", "unzip"}), ("docker", {"docker.io", "containerd", "runc"})],
)
def test_a_set_has_what_a_host_lacks_and_nothing_else(
    artifacts: dict[str, Artifact], name: str, wanted: set[str]
) -> None:
    with tarfile.open(artifacts[f"{name}_debian_12_{OTHER}"].path) as tar:
        debs = tar.getnames()
    assert {deb.split("_")[0] for deb in debs} >= wanted
    assert not {deb.split("_")[0] for deb in debs} & {"libc6", "systemd", "iptables"}, "every host has these"
    assert {deb.removesuffix(".deb").rsplit("_", 1)[1] for deb in debs} <= {OTHER, "all"}


def test_images_say_what_they_run_on(artifacts: dict[str, Artifact]) -> None:
    with tarfile.open(artifacts[f"pause_image_{OTHER}"].path) as tar:
        [manifest] = json.loads(read(tar, "manifest.json"))
        config = json.loads(read(tar, manifest["Config"]))
    assert config["architecture"] == OTHER


def read(tar: tarfile.TarFile, name: str) -> bytes:
    file = tar.extractfile(name)
    assert file is not None
    return file.read()
