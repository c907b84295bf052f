"""What a laboratory needs before it starts: the cluster file read, its stack synthesised, artifacts and a host image.

All of it is cached, so preparing twice costs a second.
"""

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from lab.assembly import for_this_machine, synthesize
from lab.default_cluster import DEFAULT_CLUSTER
from lab.products.artifact import Artifact, cache_directory
from lab.products.catalogue import VERSIONS
from lab.products.progress import Report, Step, silent
from lambdas.domain import cluster_file
from lambdas.domain.config import ClusterConfig

Kind = Literal["container", "simulated"]


class NotPreparedError(Exception):
    """Something that the laboratory needs is not there and cannot be made; the message says what to do."""


@dataclass(frozen=True)
class Prepared:
    kind: Kind
    cluster_file: Path
    config: ClusterConfig
    assembly: Path
    stack_name: str
    artifacts: Sequence[Artifact]
    host_image: str = ""


def prepare(
    kind: Kind, cluster: Path = DEFAULT_CLUSTER, progress: Report = silent, *, assembly: Path | None = None
) -> Prepared:
    """Raises InvalidConfig, SynthesisError, NotPreparedError, and what building products raises.

    `assembly` is one that has the cluster's stack already, among others; without it, one is synthesised.
    """
    if kind == "container":
        if os.geteuid() != 0:
            raise NotPreparedError("container hosts need root: run as root, or use HOSTS=simulated")
        cluster = for_this_machine(cluster)
    config = cluster_file.load(cluster)
    artifacts, image = _simulated(config), ""
    if kind == "container":
        _check_versions(config)
        artifacts, image = _real(progress)
    progress(Step("synth", f"synthesising {cluster.name}"))
    assembly = assembly or synthesize(cluster)
    progress(Step("synth", f"stack of cluster {config.name}", finished=True))
    return Prepared(kind, cluster, config, assembly, _stack_name(assembly, config), artifacts, image)


def _real(progress: Report) -> tuple[Sequence[Artifact], str]:
    from lab.hosts.engine import Engine
    from lab.hosts.image import ensure
    from lab.products.bundle import gather

    artifacts = gather(progress)
    return artifacts, ensure(Engine.find().program, progress)


def _check_versions(config: ClusterConfig) -> None:
    """A version that the lab does not have is said before anything is created."""
    wrong = [
        f"versions.{name}: {wanted} (the lab has {VERSIONS[name]})"
        for name, wanted in config.versions.model_dump().items()
        if wanted != VERSIONS[name]
    ]
    if config.system != "debian_12":
        wrong.append(f"system: {config.system} (the lab's hosts are debian_12)")
    if wrong:
        lines = [f"the lab cannot run cluster {config.name}:", *(f"  {one}" for one in wrong)]
        raise NotPreparedError("\n".join([*lines, "change that, or use HOSTS=simulated"]))


def _simulated(config: ClusterConfig) -> Sequence[Artifact]:
    """A few bytes under each name that nodes install from: simulated hosts verify them and unpack nothing."""
    names = {f"{name}_linux_{config.architecture}": version for name, version in config.versions.model_dump().items()}
    names |= {f"{name}_{config.system}_{config.architecture}": "1" for name in ("prerequisites", "docker")}
    names |= {f"{name}_image_{config.architecture}": "1" for name in ("pause", "hello")}
    directory = cache_directory() / "simulated"
    directory.mkdir(parents=True, exist_ok=True)
    artifacts = []
    for name, version in names.items():
        body = f"{name} {version}, for simulated hosts\n".encode()
        digest = hashlib.sha256(body).hexdigest()
        path = directory / f"{name}_{digest[:12]}"
        if not path.exists():
            unfinished = path.with_suffix(f".{os.getpid()}")
            unfinished.write_bytes(body)
            unfinished.replace(path)
        artifacts.append(Artifact(name, version, path, digest, len(body), "simulated"))
    return artifacts


def _stack_name(assembly: Path, config: ClusterConfig) -> str:
    name = f"quorate-{config.name}"
    if name not in json.loads((assembly / "manifest.json").read_text())["artifacts"]:
        raise NotPreparedError(f"{assembly} has no stack {name}")
    return name


def main() -> None:
    """`python -m lab.preparation`: everything that container hosts need, made or found in the cache."""
    from lab import prerequisites
    from lab.products.progress import Bars

    with Bars() as report:
        prerequisites.install(report)
        prepare("container", progress=report)


if __name__ == "__main__":
    main()
