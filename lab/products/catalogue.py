"""The products, their versions, and the two ways to come by each: the vendor's release, or its Go modules.

The versions are the newest that build from Go modules; `build/<name>/go.mod` says why where that is not obvious.
Change a version here and in that go.mod, run `python -m lab.products`, commit the go.sum it needs.
"""

import platform
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
HASHICORP_RELEASES = "https://releases.hashicorp.com"
CNI_RELEASES = "https://github.com/containernetworking/plugins/releases/download"


@dataclass(frozen=True)
class Key:
    """Who signs a release: the public key to import, and the primary key's fingerprint that must have signed."""

    file: Path
    fingerprint: str


# https://www.hashicorp.com/trust/security ("72D7468F")
HASHICORP_KEY = Key(HERE / "hashicorp.asc", "C874011F0AB405110D02105534365D9472D7468F")


@dataclass(frozen=True)
class GoBuild:
    """How the wrapper module `build/<product>` is compiled: `packages` are import paths, one binary each."""

    packages: tuple[str, ...]
    cgo: bool = False
    tags: tuple[str, ...] = ()
    set_strings: tuple[str, ...] = ()  # for the linker's -X; {version} is filled in


@dataclass(frozen=True)
class Product:
    """`release` and `sums` are URLs below `site`; {version} and {arch} are filled in."""

    name: str
    version: str
    site: str
    release: str
    sums: str
    key: Key | None
    build: GoBuild

    def file(self, arch: str) -> str:
        return self.fill(self.release, arch).rpartition("/")[2]

    def fill(self, template: str, arch: str) -> str:
        return template.format(version=self.version, arch=arch)


def _hashicorp(name: str, version: str, build: GoBuild) -> Product:
    return Product(
        name=name,
        version=version,
        site=HASHICORP_RELEASES,
        release=f"{name}/{{version}}/{name}_{{version}}_linux_{{arch}}.zip",
        sums=f"{name}/{{version}}/{name}_{{version}}_SHA256SUMS",
        key=HASHICORP_KEY,
        build=build,
    )


CONSUL = _hashicorp("consul", "1.22.5", GoBuild(("github.com/hashicorp/consul",)))

# `minimal` leaves out the plugins that nothing here uses (databases, clouds); the awskms seal stays in.
VAULT = _hashicorp("vault", "1.21.1", GoBuild(("github.com/hashicorp/vault",), tags=("minimal",)))

# `release` keeps mock_driver out. Without cgo the exec driver (libcontainer's nsenter) is missing.
NOMAD = _hashicorp("nomad", "1.11.3", GoBuild(("github.com/hashicorp/nomad",), cgo=True, tags=("release",)))

# The project signs nothing: the checksum beside the archive, over TLS, is all there is.
# Without BuildVersion Nomad fingerprints the plugins as 1.1.0, below what it asks for to restore after a reboot.
CNI_PLUGINS = Product(
    name="cni_plugins",
    version="1.9.1",
    site=CNI_RELEASES,
    release="v{version}/cni-plugins-linux-{arch}-v{version}.tgz",
    sums="v{version}/cni-plugins-linux-{arch}-v{version}.tgz.sha256",
    key=None,
    build=GoBuild(
        tuple(
            f"github.com/containernetworking/plugins/plugins/{plugin}"
            for plugin in ("main/bridge", "main/loopback", "ipam/host-local", "meta/portmap", "meta/firewall")
        ),
        set_strings=("github.com/containernetworking/plugins/pkg/utils/buildversion.BuildVersion=v{version}",),
    ),
)

PRODUCTS = (CNI_PLUGINS, CONSUL, VAULT, NOMAD)
VERSIONS = {product.name: product.version for product in PRODUCTS}


def host_architecture() -> str:
    """amd64 or arm64, as Go, Debian and the vendors call this machine."""
    machine = platform.machine()
    known = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
    if machine not in known:
        raise RuntimeError(f"the lab runs on x86_64 and aarch64; this machine is {machine}")
    return known[machine]
