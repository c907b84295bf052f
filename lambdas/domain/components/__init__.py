"""The table: which components there are, in the order in which a node needs them."""

from dataclasses import dataclass

from lambdas.domain.component import Component, Port, Role
from lambdas.domain.components.ca import CA
from lambdas.domain.components.cni import CNI
from lambdas.domain.components.consul import CONSUL
from lambdas.domain.components.docker import DOCKER
from lambdas.domain.components.node import NODE
from lambdas.domain.components.nomad import NOMAD
from lambdas.domain.components.vault import VAULT
from lambdas.domain.components.vault_init import VAULT_INIT
from lambdas.domain.components.vault_unseal import VAULT_UNSEAL
from lambdas.domain.components.vault_workloads import VAULT_WORKLOADS
from lambdas.domain.config import ClientPool, Driver, Product, ServerGroup
from lambdas.domain.node import Kind
from lambdas.domain.phases import Phase

COMPONENTS: tuple[Component, ...] = (
    CA,
    CONSUL,
    VAULT,
    VAULT_INIT,
    VAULT_UNSEAL,
    CNI,
    DOCKER,
    NOMAD,
    VAULT_WORKLOADS,
    NODE,
)


@dataclass(frozen=True)
class GroupRole:
    """The role that every node of a group will have; see `Role`."""

    kind: Kind
    serves: tuple[Product, ...] = ()
    drivers: tuple[Driver, ...] = ()


def role_of(group: ServerGroup | ClientPool) -> GroupRole:
    if isinstance(group, ServerGroup):
        return GroupRole("server", serves=group.serves)
    return GroupRole("client", drivers=group.drivers)


def component(name: str) -> Component:
    """The component of that name; KeyError says which there are."""
    for candidate in COMPONENTS:
        if candidate.name == name:
            return candidate
    raise KeyError(f"no component {name!r}: {', '.join(known.name for known in COMPONENTS)}")


def taking_part(role: Role, phase: Phase) -> tuple[Component, ...]:
    """The components of which a node of this role has a document to run in `phase`, in order."""
    return tuple(entry for entry in COMPONENTS if phase in entry.phases and entry.takes_part(role))


def ports_of(role: Role) -> tuple[Port, ...]:
    """What a node of this role listens on, and for whom: the rules of its security group."""
    return tuple(
        port
        for entry in COMPONENTS
        if entry.takes_part(role)
        for port in entry.ports
        if port.on == "nodes" or port.on == f"{entry.kind(role)}s"
    )
