"""The root file system as an image of podman or docker, under a tag that names its content."""

import subprocess

from lab.hosts.image.root import SYSTEM, ImageFailed, build
from lab.products.artifact import Artifact, Store, cache_directory
from lab.products.catalogue import host_architecture
from lab.products.progress import Report, Step, silent

REPOSITORY = "localhost/quorate/host"


def tag_of(root: Artifact) -> str:
    return f"{REPOSITORY}:{SYSTEM}-{root.sha256[:12]}"


def ensure(engine: str = "podman", progress: Report = silent, store: Store | None = None) -> str:
    """The image's tag, in `engine` ("podman" or "docker"); made and imported if it is not there yet.

    Run its /sbin/init privileged, in a cgroup namespace of its own, with tmpfs on /run and /run/lock and, on podman,
    `--systemd=false`: podman's own mode would let hosts share control groups (see `lab.hosts.engine`).
    """
    store = store or Store(cache_directory() / "hosts")
    root = build(host_architecture(), progress, store)
    tag = tag_of(root)
    if _succeeds(engine, "image", "inspect", tag):
        return tag
    progress(Step("host image", f"importing into {engine}"))
    with store.working():  # two imports of one tag would leave an image without a name
        if not _succeeds(engine, "image", "inspect", tag):
            _import(engine, root, tag)
    progress(Step("host image", f"{tag.rpartition('/')[2]} in {engine}", finished=True))
    return tag


def _import(engine: str, root: Artifact, tag: str) -> None:
    ran = subprocess.run(
        [engine, "import", "--change", 'CMD ["/sbin/init"]', root.path, tag], capture_output=True, text=True
    )
    if ran.returncode != 0:
        raise ImageFailed(f"{engine} import: {ran.stderr.strip()}")


def _succeeds(*command: str) -> bool:
    return subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0
