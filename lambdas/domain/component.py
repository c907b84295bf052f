"""What a component is: a row of the table that says who takes part in which phase, with which ports and which files."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from lambdas.domain.config import ClusterConfig
from lambdas.domain.node import Node
from lambdas.domain.phases import Phase

Reach = Literal["servers", "nodes"]
"""Who may connect: the servers of the cluster, or all its nodes."""


@dataclass(frozen=True)
class Port:
    number: int
    protocol: Literal["tcp", "udp"]
    reach: Reach
    purpose: str


class File(BaseModel):
    """A file of a node's configuration; `content` never holds a secret."""

    model_config = ConfigDict(frozen=True)

    path: str
    mode: str = "0640"
    owner: str = "root"
    group: str = "root"
    content: str


class FileSet(BaseModel):
    """What a document fetches by key and SHA-256: files to write, and values for the script."""

    model_config = ConfigDict(frozen=True)

    files: tuple[File, ...] = ()
    values: dict[str, Any] = {}


@dataclass(frozen=True)
class Surroundings:
    """What rendering needs beside the cluster file and the node."""

    founding: bool
    """True only in formation: the one place that `bootstrap_expect` comes from."""
    certificate: str = ""
    """The node's certificate, PEM; public."""
    authority: str = ""
    """The cluster's CA certificate, PEM."""
    kms_key_id: str = ""
    """Key of Vault's auto-unseal."""


Render = Callable[[ClusterConfig, Node, Surroundings], FileSet]


@dataclass(frozen=True)
class Component:
    """`phases` maps each phase it takes part in to the seconds its document may run."""

    name: str
    takes_part: Callable[[Node], bool]
    phases: Mapping[Phase, int]
    ports: tuple[Port, ...] = ()
    renders: Mapping[Phase, Render] = field(default_factory=dict)
    artifact: str | None = None
    """Product name in the manifest, where `install` fetches one (`consul`, `cni_plugins`, `docker`)."""
    keeps_secrets: bool = False
    """Whether its documents take `SecretsPrefix`."""
