"""Commands by phase, and what makes one: what a document always wants to know."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from lambdas.domain import names
from lambdas.domain.commands import Command
from lambdas.domain.component import Component, Surroundings
from lambdas.domain.components import COMPONENTS
from lambdas.domain.delivery import Delivery, Parcel
from lambdas.domain.node import Node
from lambdas.domain.phases import Phase
from lambdas.domain.plans.site import Site

NOTHING = "-"
"""A document parameter that has nothing to say: allowedPattern cannot admit an empty string on every agent."""


@dataclass(frozen=True)
class Plan:
    """Commands by phase, and the parcels that have to be in the bucket before the first is sent."""

    commands: Mapping[Phase, tuple[Command, ...]]
    parcels: tuple[Parcel, ...] = field(default=())

    def of(self, phase: Phase) -> list[dict[str, object]]:
        return [command.model_dump(mode="json") for command in self.commands.get(phase, ())]


def commands_of(
    site: Site, node: Node, phase: Phase, scope: str, parameters: Callable[[Component], dict[str, str]]
) -> tuple[Command, ...]:
    """One for each component that has the phase, and that the node and the cluster have."""
    taking_part = [
        component
        for component in COMPONENTS
        if phase in component.phases and component.takes_part(node) and component.in_cluster(site.config)
    ]
    return tuple(command_of(site, node, component, phase, scope, parameters(component)) for component in taking_part)


def command_of(
    site: Site, node: Node, component: Component, phase: Phase, scope: str, parameters: Mapping[str, str]
) -> Command:
    """`scope`: within it the work is done once, whoever asks for it again."""
    cluster = site.config.name
    return Command(
        instance_id=node.instance_id,
        component=component.name,
        phase=phase,
        document=names.document(cluster, component.name, phase),
        parameters={"Cluster": cluster, "Region": site.config.region, "Bucket": site.bucket, **parameters},
        timeout_seconds=component.phases[phase],
        scope=scope,
    )


def as_member(site: Site, node: Node) -> Callable[[Component], dict[str, str]]:
    """What a document must know of a running member: what the node is to the product, and where tokens are kept."""
    return lambda component: {"Kind": component.kind(node), **secrets_of(site, component)}


def secrets_of(site: Site, component: Component) -> dict[str, str]:
    """Where a document finds them that reads any."""
    return {"SecretsPrefix": names.secrets_prefix(site.config.name)} if component.keeps_secrets else {}


def surroundings_of(site: Site, *, founding: bool) -> Surroundings:
    """Of a node whose certificate is signed and packed already."""
    return Surroundings(founding=founding, kms_key_id=site.unseal_key_id)


def reference_to(delivery: Delivery) -> dict[str, str]:
    """The file set that waits in the bucket, and what it has to hash to."""
    return {"ConfigurationKey": delivery.key, "ConfigurationSha256": delivery.sha256}
