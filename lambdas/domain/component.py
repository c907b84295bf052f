"""What a component is: a row of the table: who takes part in which phase, with which ports and files."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from pydantic import BaseModel, ConfigDict

from lambdas.domain.config import ClusterConfig, Driver, Product
from lambdas.domain.node import Kind, Node
from lambdas.domain.phases import Phase

Where = Literal["servers", "clients", "nodes"]
"""Nodes by their role for a product: those that serve it, the clients, or all of the cluster."""


class Role(Protocol):
    """What decides about taking part: of a `Node` at run time, of a group when the stack is synthesised."""

    @property
    def kind(self) -> Kind: ...
    @property
    def serves(self) -> tuple[Product, ...]: ...
    @property
    def drivers(self) -> tuple[Driver, ...]: ...


@dataclass(frozen=True)
class Port:
    number: int
    protocol: Literal["tcp", "udp"]
    on: Where
    """Who listens."""
    reach: Where
    """Who may connect."""
    purpose: str
    last: int | None = None
    """The end of the range, where it is one."""


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
    takes_part: Callable[[Role], bool]
    phases: Mapping[Phase, int]
    in_cluster: Callable[[ClusterConfig], bool] = lambda config: True
    """Whether clusters of this configuration have it."""
    product: Product | None = None
    """Whose servers it concerns: decides a node's `kind`, and whose seed runs `secrets` and `bootstrap`."""
    ports: tuple[Port, ...] = ()
    renders: Mapping[Phase, Render] = field(default_factory=dict)
    artifact: str | None = None
    """Product name in the manifest, where `install` fetches one (`consul`, `cni_plugins`, `docker`)."""
    keeps_secrets: bool = False
    """Whether its documents take `SecretsPrefix`."""

    def kind(self, role: Role) -> Kind:
        """What the node is to this component: a node that serves Vault alone is a client of Consul."""
        if self.product is None:
            return role.kind
        return "server" if self.product in role.serves else "client"
