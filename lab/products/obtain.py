"""Get the products: from the cache, else the vendor's release, else compiled from Go modules."""

from collections.abc import Iterable
from pathlib import Path
from typing import Protocol

from lab.products import compile as go
from lab.products.archive import write_tar, write_zip
from lab.products.artifact import Artifact, Store, recipe_of
from lab.products.catalogue import PRODUCTS, Product, host_architecture
from lab.products.progress import Report, Step, silent
from lab.products.release import ReleaseUnavailable, Vendors


class Say(Protocol):
    def __call__(self, doing: str, done: float = 0, total: float | None = None, finished: bool = False) -> None: ...


_PACKING = 2  # raise when `_pack` changes what it writes


def obtain(
    products: Iterable[Product] = PRODUCTS,
    progress: Report = silent,
    *,
    arch: str | None = None,
    store: Store | None = None,
    vendors: Vendors | None = None,
) -> list[Artifact]:
    """One artifact a product, in their order. Raises ReleaseRejected, or CompileFailed with what to do."""
    arch, store, vendors = arch or host_architecture(), store or Store(), vendors or Vendors()
    return [_obtain(product, arch, store, vendors, progress) for product in products]


def _obtain(product: Product, arch: str, store: Store, vendors: Vendors, progress: Report) -> Artifact:
    name, recipe = f"{product.name}_linux_{arch}", recipe_of(_PACKING, *go.inputs(product))

    def say(doing: str, done: float = 0, total: float | None = None, finished: bool = False) -> None:
        progress(Step(product.name, doing, done, total, finished))

    def cached() -> Artifact | None:
        return store.find(name, product.version, recipe)

    if artifact := cached():
        say(f"{product.version} in the cache", finished=True)
        return artifact
    with store.working(lambda: say("waiting for another build on this machine")) as directory:
        if artifact := cached():  # what we waited for
            say(f"{product.version} in the cache", finished=True)
            return artifact
        try:
            say("asking the vendor's site")
            file = vendors.fetch(
                product, arch, directory, lambda done, total: say(f"downloading {product.version}", done, total)
            )
            origin = "release"
        except ReleaseUnavailable as unavailable:
            file, origin = _compile(product, arch, directory, say, unavailable), "built"
        artifact = store.keep(name, product.version, recipe, file, origin)
    how = "the vendor's release" if artifact.origin == "release" else "compiled"
    say(f"{product.version}, {how}, {artifact.bytes / 1e6:.0f} MB", finished=True)
    return artifact


def _compile(product: Product, arch: str, directory: Path, say: Say, unavailable: ReleaseUnavailable) -> Path:
    say("fetching Go modules")
    try:
        binaries = go.compile_product(
            product, arch, directory, lambda done, total: say(f"compiling {product.version}", done, total)
        )
    except go.CompileFailed as failed:
        raise go.CompileFailed(f"no release ({unavailable}) and no build ({failed})") from failed
    say("packing")
    return _pack(product, arch, binaries, directory)


def _pack(product: Product, arch: str, binaries: dict[str, Path], directory: Path) -> Path:
    """The binaries in an archive named and laid out as the vendor's."""
    target = directory / product.file(arch)
    if target.suffix == ".zip":
        write_zip(target, binaries)
    else:
        write_tar(target, binaries, mode=0o755, compress=True)
    return target
