"""The cloud assembly of a cluster file: what `cdk synth` makes, kept by a digest of everything that decides it."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import yaml

from lab.products.artifact import cache_directory
from lab.products.catalogue import host_architecture

REPOSITORY = Path(__file__).parents[1]
ACCOUNT = "123456789012"
INPUTS = ("app.py", "cdk.json", "cdk_app", "lambdas", "ssm_documents", "requirements.txt")
KEPT = 8
"""Assemblies that stay in the cache, newest first; each is some 10 MB. Others go when nobody took one for a day: a
process that read one at its beginning reads it again hours later."""

DAY_SECONDS = 86_400

INSTANCE_FAMILIES = {"amd64": "t3", "arm64": "t4g"}


class SynthesisError(Exception):
    """The application refused the cluster file, or could not be synthesised; the message is what it said."""


def synthesize(*cluster_files: Path) -> Path:
    """The directory of the cloud assembly with a stack for each cluster file, made unless the cache has it."""
    place = cache_directory() / "assemblies" / _digest(cluster_files)
    if not place.exists():
        place.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=".making-", dir=place.parent))
        try:
            run_application(cluster_files, made)
            try:
                made.rename(place)  # another process may have been faster: then its assembly is as good
            except OSError:
                if not place.exists():
                    raise
        finally:
            shutil.rmtree(made, ignore_errors=True)
        forget_old(place.parent)
    os.utime(place)
    return place


def for_this_machine(cluster_file: Path) -> Path:
    """The cluster file with the architecture that container hosts have here, as all hosts share this machine's kernel.

    A path in the cache where anything had to be changed, else the file itself.
    """
    wanted = host_architecture()
    content = yaml.safe_load(cluster_file.read_text())
    if not isinstance(content, dict) or content.get("architecture", "arm64") == wanted:
        return cluster_file
    content["architecture"] = wanted
    family = INSTANCE_FAMILIES[wanted]
    for group, size in (("server_groups", "medium"), ("client_pools", "large")):
        for entry in content.setdefault(group, [{"name": "servers" if group == "server_groups" else "default"}]):
            entry["instance_type"] = f"{family}.{size}"
    text = yaml.safe_dump(content, sort_keys=False)
    place = cache_directory() / "clusters" / hashlib.sha256(text.encode()).hexdigest()[:16] / cluster_file.name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(text)
    return place


def run_application(cluster_files: Sequence[Path], target: Path) -> None:
    """`python app.py` the way the CDK's command line runs it: context and output directory by environment."""
    context = json.loads((REPOSITORY / "cdk.json").read_text())["context"]
    environment = os.environ | {
        "CDK_OUTDIR": str(target),
        "CDK_CONTEXT_JSON": json.dumps(context | {"clusters": [str(file.resolve()) for file in cluster_files]}),
        "CDK_DEFAULT_ACCOUNT": ACCOUNT,
        "CDK_VALIDATION": "false",  # the CDK's own look at templates costs a third of a synth; here they get deployed
        "PYTHONPATH": str(REPOSITORY),
    }
    done = subprocess.run(
        [sys.executable, "app.py"], cwd=REPOSITORY, env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise SynthesisError(done.stderr.strip() or f"app.py ended with {done.returncode}")


def _digest(cluster_files: Sequence[Path]) -> str:
    digest = hashlib.sha256(b"\0".join(file.read_bytes() for file in cluster_files))
    for name in INPUTS:
        for path in _files(REPOSITORY / name):
            digest.update(f"{path.relative_to(REPOSITORY)}\0{path.stat().st_mode & 0o111}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:24]


def _files(path: Path) -> list[Path]:
    if path.is_file():
        return [path]
    return sorted(file for file in path.rglob("*") if file.is_file() and "__pycache__" not in file.parts)


def forget_old(directory: Path) -> None:
    taken = {}
    for place in directory.glob("[0-9a-f]*"):
        with suppress(FileNotFoundError):  # another process forgets as well
            taken[place] = place.stat().st_mtime
    for place in sorted(taken, key=lambda place: taken[place], reverse=True)[KEPT:]:
        if time.time() - taken[place] > DAY_SECONDS:
            shutil.rmtree(place, ignore_errors=True)
