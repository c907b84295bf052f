"""All that a cluster's bucket holds."""

from concurrent.futures import ThreadPoolExecutor

from lab.hosts.image.root import ImageFailed
from lab.products.artifact import Artifact, Store, cache_directory
from lab.products.catalogue import host_architecture
from lab.products.compile import CompileFailed
from lab.products.distribution import DEBIAN, MirrorUnknown
from lab.products.obtain import obtain
from lab.products.packages import PackagesFailed, system_artifacts
from lab.products.progress import Report, silent
from lab.products.release import ReleaseRejected
from lambdas.domain.config import System

FAILURES = (CompileFailed, ImageFailed, MirrorUnknown, PackagesFailed, ReleaseRejected)
"""What may go wrong, each with what to do in its words."""


def gather(progress: Report = silent, arch: str | None = None, system: System = DEBIAN.system) -> list[Artifact]:
    """Products, packages and images for nodes of that architecture, this machine's own unless told, made where the
    cache lacks them.

    The compilers keep the cores busy for minutes while the packages' half waits for the mirror: side by side.
    """
    arch = arch or host_architecture()
    # A store of its own, so that its lock is not the compilers'.
    store = Store(cache_directory() / "packages")
    with ThreadPoolExecutor(1) as beside:
        packages = beside.submit(system_artifacts, system, arch, progress, store)
        products = obtain(progress=progress, arch=arch)
        return [*products, *packages.result()]
