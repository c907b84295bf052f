"""The one zip of all functions: `lambdas/` and its requirements, built for Lambda's arm64 without Docker.

Requirements are vendored once and cached by what they were made from, so the second synth needs no network.
See docs/decisions/0012.
"""

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from aws_cdk import AssetHashType
from aws_cdk import aws_lambda as awslambda

from lambdas.domain.errors import InvalidConfig

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "lambdas"
REQUIREMENTS = SOURCES / "requirements.txt"
PYTHON = "3.14"
PLATFORMS = ("manylinux_2_34_aarch64", "manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64")
"""Amazon Linux 2023, which the runtime is built on, has glibc 2.34."""

LAYOUT = "2"
"""Raise when the way of packing changes: caches of the old way are left alone."""

KEPT = 8
"""Zips that stay in the cache, newest first: each change of the code makes another one of 12 MB."""

EPOCH = (1980, 1, 1, 0, 0, 0)
"""Time of every file in the zip, so that the same content is the same bytes."""

LIMIT_BYTES = 20_000_000
"""What we allow the zip; Lambda's own limit is 50 MB zipped, and every megabyte is cold start."""

IMPORTED_MODELS = ("sts", "xray")
"""botocore models that libraries load themselves: credentials, and the tracer's sampler."""


def code() -> awslambda.Code:
    archive = build()
    return awslambda.Code.from_asset(str(archive), asset_hash_type=AssetHashType.CUSTOM, asset_hash=archive.stem)


@cache
def build() -> Path:
    """Path of the zip, named by the hash of what is in it."""
    vendored = _vendored()
    digest = hashlib.sha256(vendored.stem.encode())
    for path in _sources():
        digest.update(str(path.relative_to(ROOT)).encode() + b"\0" + path.read_bytes() + b"\0")
    archive = vendored.parent / f"{digest.hexdigest()[:32]}.zip"
    if archive.exists():
        return archive
    with _made_at(archive) as draft:
        shutil.copyfile(vendored, draft)
        with zipfile.ZipFile(draft, "a", zipfile.ZIP_DEFLATED) as target:
            for path in _sources():
                _add(target, path, str(path.relative_to(ROOT)))
    _forget_old(vendored)
    return archive


def _forget_old(vendored: Path) -> None:
    zips = [path for path in vendored.parent.glob("*.zip") if path != vendored]
    for path in sorted(zips, key=lambda path: path.stat().st_mtime, reverse=True)[KEPT:]:
        path.unlink(missing_ok=True)


def services() -> tuple[str, ...]:
    """AWS services that `lambdas/aws` makes clients of."""
    calls = (
        re.findall(r'client\("([a-z0-9-]+)"\)', path.read_text("utf-8")) for path in (SOURCES / "aws").glob("*.py")
    )
    return tuple(sorted({service for found in calls for service in found} | set(IMPORTED_MODELS)))


def _sources() -> list[Path]:
    return sorted(path for path in SOURCES.rglob("*") if path.suffix in {".py", ".json", ".yaml", ".hcl"})


def _vendored() -> Path:
    """Zip of the requirements alone."""
    compiler = shutil.which(f"python{PYTHON}")
    bytecode = "bytecode" if compiler else "source"
    key = "\0".join((LAYOUT, PYTHON, bytecode, *PLATFORMS, *services(), REQUIREMENTS.read_text("utf-8")))
    archive = _cache() / f"requirements-{hashlib.sha256(key.encode()).hexdigest()[:32]}.zip"
    if archive.exists():
        return archive
    archive.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=archive.parent) as directory, _made_at(archive) as draft:
        site = Path(directory)
        _install(site)
        if compiler:
            compile_bytecode(compiler, site)
        with zipfile.ZipFile(draft, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as target:
            for path in _worth_shipping(site):
                _add(target, path, str(path.relative_to(site)))
    return archive


def _install(site: Path) -> None:
    command = [
        *_pip(), "install", "--quiet", "--disable-pip-version-check", "--requirement", str(REQUIREMENTS),
        "--target", str(site), "--no-compile", "--only-binary=:all:", "--implementation", "cp",
        "--python-version", PYTHON, *(f"--platform={platform}" for platform in PLATFORMS),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise InvalidConfig(
            f"the Lambda package's requirements cannot be fetched (the first synth needs a package index, later ones "
            f"do not): {done.stderr.strip()[-2000:]}"
        )


def compile_bytecode(python: str, site: Path) -> None:
    """Compile what `site` holds: Lambda cannot write bytecode, so without it every cold start compiles it all again.

    Only the runtime's own version of Python can do it; where the machine has none, the zip works all the same.
    """
    command = [python, "-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", "-s", str(site), str(site)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def _pip() -> list[str]:
    """Any pip, since it installs for another Python: ours, that of our virtual environment's parent, or one on PATH."""
    for python in (sys.executable, getattr(sys, "_base_executable", sys.executable)):
        if subprocess.run([python, "-m", "pip", "--version"], capture_output=True, check=False).returncode == 0:
            return [python, "-m", "pip"]
    if found := shutil.which("pip3") or shutil.which("pip"):
        return [found]
    raise InvalidConfig("no pip to fetch the Lambda package's requirements with: install it (python3 -m ensurepip)")


def _worth_shipping(site: Path) -> Iterator[Path]:
    """Everything but the models of services that nobody calls: they are two thirds of botocore."""
    kept = set(services())
    for path in sorted(site.rglob("*")):
        if path.is_dir():
            continue
        parts = path.relative_to(site).parts
        if parts[0] == "bin" or parts[:2] == ("boto3", "examples"):
            continue
        if parts[:2] == ("botocore", "data") and len(parts) > 3 and parts[2] not in kept:
            continue
        yield path


def _add(target: zipfile.ZipFile, path: Path, name: str) -> None:
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.external_attr = 0o644 << 16
    entry.compress_type = zipfile.ZIP_DEFLATED
    target.writestr(entry, path.read_bytes())


@contextmanager
def _made_at(path: Path) -> Iterator[Path]:
    """A draft that takes its place when it is whole: two synths at once do not read each other's half."""
    draft = path.with_suffix(f".{os.getpid()}.draft")
    try:
        yield draft
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


def _cache() -> Path:
    place = os.environ.get("QUORATE_CACHE")
    if place:
        return Path(place) / "lambda"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "quorate" / "lambda"
