"""Products compiled from their Go modules, by way of the wrapper modules in `build/` whose go.sum pins every line."""

import hashlib
import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from lab.products.catalogue import HERE, GoBuild, Product
from lab.products.catalogue import host_architecture as _host

GO_MINIMUM = (1, 25, 8)  # the highest `go` directive among build/*/go.mod
GO_FETCHES_TOOLCHAINS = (1, 21, 0)  # from here on the go command gets a newer one through the module proxy
_LAST_WORDS_LINES = 25


class CompileFailed(Exception):
    """Go said no; the message holds its last words."""


def module(product: Product) -> Path:
    return HERE / "build" / product.name


def inputs(product: Product) -> tuple[object, ...]:
    """All that decides the binaries but the Go release: for the cache's recipe."""
    directory = module(product)
    return (
        product.build,
        *(hashlib.sha256((directory / name).read_bytes()).hexdigest() for name in ("go.mod", "go.sum")),
    )


def go_version() -> tuple[int, ...] | None:
    if shutil.which("go") is None:
        return None
    said = subprocess.run(["go", "env", "GOVERSION"], capture_output=True, text=True).stdout.strip()
    found = re.match(r"go(\d+)\.(\d+)(?:\.(\d+))?", said)
    return tuple(int(part or 0) for part in found.groups()) if found else None


def go_problem() -> str | None:
    """Why this machine cannot build, in words; None when it can."""
    version = go_version()
    if version is not None and version >= GO_FETCHES_TOOLCHAINS:
        return None
    has = "none" if version is None else ".".join(map(str, version))
    wanted, oldest = (".".join(map(str, one)) for one in (GO_MINIMUM, GO_FETCHES_TOOLCHAINS))
    return (
        f"Go {wanted} is needed, or any from {oldest} on, which fetches it; this machine has {has} (https://go.dev/dl)"
    )


def compile_product(product: Product, arch: str, into: Path, progress: Callable[[int, int], None]) -> dict[str, Path]:
    """The binaries by name, in directory `into`. `progress` gets packages compiled, and packages in all."""
    if problem := go_problem():
        raise CompileFailed(problem)
    if product.build.cgo and shutil.which("gcc") is None:
        raise CompileFailed(f"{product.name} needs gcc and the C library's headers")
    directory, environment = module(product), _environment(product.build, arch)
    binaries = into / "bin"
    binaries.mkdir()
    selection = ["-tags", ",".join(product.build.tags), *product.build.packages]
    listed = _go(["list", "-deps", *selection], directory, environment)
    total = len(listed.splitlines())
    progress(0, total)
    linker = " ".join(["-s -w", *(f"-X {setting}" for setting in _strings(product, directory, environment))])
    command = ["go", "build", "-v", "-ldflags", linker, "-o", f"{binaries}/", *selection]
    last_words: list[str] = []
    compiled = 0
    with _started(command, directory, environment) as process:
        for line in process.stderr or ():
            # -v names each package as it is compiled; what go's own build cache holds is not named.
            if re.fullmatch(r"[\w.~/-]+", line.strip()):
                compiled += 1
                progress(min(compiled, total), total)
            last_words = [*last_words, line.rstrip()][-_LAST_WORDS_LINES:]
    if process.returncode != 0:
        raise CompileFailed(f"{product.name}: " + "\n".join(last_words))
    return {path.name: path for path in binaries.iterdir()}


def _environment(build: GoBuild, arch: str) -> dict[str, str]:
    """Everything that would change the result is set; only the proxy and the caches are the person's."""
    if build.cgo and arch != _host():
        raise CompileFailed(f"a cgo build for {arch} needs a cross compiler; build it on an {arch} machine")
    return os.environ | {
        "GOFLAGS": "-mod=readonly -trimpath -buildvcs=false",
        "GOWORK": "off",
        "GOTOOLCHAIN": "local" if (go_version() or ()) >= GO_MINIMUM else "auto",
        # The checksum database lacks a few of HashiCorp's sub-modules; the committed go.sum pins them.
        "GONOSUMDB": "github.com/hashicorp/*",
        "GOOS": "linux",
        "GOARCH": arch,
        "CGO_ENABLED": "1" if build.cgo else "0",
    }


def _strings(product: Product, directory: Path, environment: dict[str, str]) -> Iterator[str]:
    """What the vendor's own makefile has the linker fill in; the date is that of the release's commit."""
    for setting in product.build.set_strings:
        yield setting.format(version=product.version)
    if any(package.startswith("github.com/hashicorp/") for package in product.build.packages):
        path = product.build.packages[0]
        about = json.loads(_go(["list", "-m", "-json", path], directory, environment))
        yield f"{path}/version.BuildDate={about['Time']}"


def _go(arguments: list[str], directory: Path, environment: dict[str, str]) -> str:
    ran = subprocess.run(["go", *arguments], cwd=directory, env=environment, capture_output=True, text=True)
    if ran.returncode != 0:
        raise CompileFailed(f"go {arguments[0]} in {directory.name}: {ran.stderr.strip()[-2000:]}")
    return ran.stdout


@contextmanager
def _started(command: list[str], directory: Path, environment: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Go with its stderr to read. Whatever ends the block ends the compilers too: they share a process group."""
    process = subprocess.Popen(
        command, cwd=directory, env=environment, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        yield process
        process.wait()
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGTERM)
            process.wait()
