"""All that a cluster's bucket holds."""

from concurrent.futures import ThreadPoolExecutor

from lab.hosts.image import build
from lab.products.artifact import Artifact, Store, cache_directory
from lab.products.catalogue import host_architecture
from lab.products.obtain import obtain
from lab.products.packages import debian_artifacts
from lab.products.progress import Report, silent


def gather(progress: Report = silent) -> list[Artifact]:
    """Products, packages and images for hosts on this machine, made where the cache lacks them.

    The compilers keep the cores busy for minutes while the Debian half waits for the mirror: side by side.
    """
    arch = host_architecture()

    def debian() -> list[Artifact]:
        # A store of its own, so that its lock is not the compilers'.
        return debian_artifacts(build(arch, progress), arch, progress, Store(cache_directory() / "packages"))

    with ThreadPoolExecutor(1) as beside:
        packages = beside.submit(debian)
        products = obtain(progress=progress)
        return [*products, *packages.result()]
