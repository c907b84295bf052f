"""From a node and what is known of its cluster to the commands of each phase."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from lambdas.domain import names
from lambdas.domain.artifacts import Manifest
from lambdas.domain.commands import Command
from lambdas.domain.component import Component, FileSet, Surroundings
from lambdas.domain.components import COMPONENTS
from lambdas.domain.config import ClusterConfig
from lambdas.domain.delivery import Delivery, Parcel, pack
from lambdas.domain.formation import Role, choose_seed
from lambdas.domain.node import Node
from lambdas.domain.phases import SEED_PHASES, Phase

NOTHING = "-"
"""A document parameter that has nothing to say: allowedPattern cannot admit an empty string on every agent."""


@dataclass(frozen=True)
class Site:
    """What the stack is to the domain: the cluster file and the names that only a deployment knows."""

    config: ClusterConfig
    bucket: str
    unseal_key_id: str


@dataclass(frozen=True)
class Plan:
    """Commands by phase, and the parcels that have to be in the bucket before the first is sent."""

    commands: Mapping[Phase, tuple[Command, ...]]
    parcels: tuple[Parcel, ...] = field(default=())

    def of(self, phase: Phase) -> list[dict[str, object]]:
        return [command.model_dump(mode="json") for command in self.commands.get(phase, ())]


def plan_install(site: Site, node: Node, manifest: Manifest, scope: str) -> Plan:
    """Raises NodeFailed where the manifest lacks something: said before anything is sent."""

    def parameters(component: Component) -> dict[str, str]:
        found = manifest.prerequisites(node)
        filled = {
            "PrerequisitesKey": found.key if found else NOTHING,
            "PrerequisitesSha256": found.sha256 if found else NOTHING,
        }
        if component.artifact is None:
            return filled
        if component.artifact == "docker":
            artifact, image = manifest.packages("docker", node), manifest.image("pause", node)
            filled |= {"ImageKey": image.key, "ImageSha256": image.sha256}
        else:
            artifact = manifest.product(component.artifact, node, getattr(site.config.versions, component.artifact))
        return filled | {
            "ArtifactKey": artifact.key,
            "ArtifactSha256": artifact.sha256,
            "Version": artifact.version,
        }

    return Plan({Phase.INSTALL: _commands(site, node, Phase.INSTALL, scope, parameters)})


def plan_membership(site: Site, node: Node, certificate: Delivery, role: Role, scope: str) -> Plan:
    """What a launched node still has to do: founders verify, joiners and clients configure, start and verify."""
    verify = {Phase.VERIFY: _commands(site, node, Phase.VERIFY, scope, _as_member(site, node))}
    if role == "founder":
        return Plan(verify)
    prepared, parcels = _configure_and_start(site, node, certificate, founding=False, scope=scope)
    return Plan(prepared | verify, parcels)


def plan_formation(site: Site, members: Sequence[tuple[Node, Delivery]], *, generation: int, scope: str) -> Plan:
    """What the founders do together, by phase: the seed's parts once, the rest on every member."""
    commands: dict[Phase, tuple[Command, ...]] = {}
    parcels: list[Parcel] = []
    for node, certificate in members:
        prepared, packed = _configure_and_start(site, node, certificate, founding=True, scope=scope)
        parcels += packed
        for phase, some in prepared.items():
            commands[phase] = (*commands.get(phase, ()), *some)
    nodes = [node for node, _ in members]
    for phase in SEED_PHASES:
        for component in COMPONENTS:
            if phase not in component.phases or component.product is None:
                continue
            seed = choose_seed(nodes, component.product)
            filled = {"Generation": str(generation), "SecretsPrefix": names.secrets_prefix(site.config.name)}
            if render := component.renders.get(phase):
                parcel = pack(
                    seed.instance_id,
                    component.name,
                    render(site.config, seed, _surroundings(site, founding=True)),
                )
                parcels.append(parcel)
                filled |= _reference(parcel.delivery)
            commands[phase] = (
                *commands.get(phase, ()),
                _command(site, seed, component, phase, scope, filled),
            )
    return Plan(commands, tuple(parcels))


def plan_leave(site: Site, node: Node, scope: str) -> Plan:
    """A node's goodbye to its products."""
    return Plan({Phase.LEAVE: _commands(site, node, Phase.LEAVE, scope, _as_member(site, node))})


def _configure_and_start(
    site: Site, node: Node, certificate: Delivery, *, founding: bool, scope: str
) -> tuple[dict[Phase, tuple[Command, ...]], tuple[Parcel, ...]]:
    surroundings = _surroundings(site, founding=founding)
    parcels: list[Parcel] = []

    def configuration(component: Component) -> dict[str, str]:
        filled: dict[str, str] = {}
        if component.keeps_secrets:
            filled = {"SecretsPrefix": names.secrets_prefix(site.config.name), "Kind": component.kind(node)}
        if component.name == "ca":  # signed and packed by sign_certificate already
            return filled | _reference(certificate)
        parcel = pack(
            node.instance_id,
            component.name,
            component.renders[Phase.CONFIGURE](site.config, node, surroundings),
        )
        parcels.append(parcel)
        return filled | _reference(parcel.delivery)

    commands = {
        Phase.CONFIGURE: _commands(site, node, Phase.CONFIGURE, scope, configuration),
        Phase.START: _commands(site, node, Phase.START, scope, lambda component: {"Kind": component.kind(node)}),
    }
    return commands, tuple(parcels)


def pack_certificate(config: ClusterConfig, node: Node, *, certificate: str, authority: str) -> Parcel:
    """The `ca` component's file set, made where the certificate is signed."""
    ca = next(component for component in COMPONENTS if component.name == "ca")
    files: FileSet = ca.renders[Phase.CONFIGURE](
        config, node, Surroundings(founding=False, certificate=certificate, authority=authority)
    )
    return pack(node.instance_id, ca.name, files)


def _as_member(site: Site, node: Node) -> Callable[[Component], dict[str, str]]:
    """What a document must know of a running member: what the node is to the product, and where tokens are kept."""

    def parameters(component: Component) -> dict[str, str]:
        kind = {"Kind": component.kind(node)}
        return kind | ({"SecretsPrefix": names.secrets_prefix(site.config.name)} if component.keeps_secrets else {})

    return parameters


def _surroundings(site: Site, *, founding: bool) -> Surroundings:
    return Surroundings(founding=founding, kms_key_id=site.unseal_key_id)


def _reference(delivery: Delivery) -> dict[str, str]:
    return {"ConfigurationKey": delivery.key, "ConfigurationSha256": delivery.sha256}


def _commands(
    site: Site, node: Node, phase: Phase, scope: str, parameters: Callable[[Component], dict[str, str]]
) -> tuple[Command, ...]:
    taking_part = [component for component in COMPONENTS if phase in component.phases and component.takes_part(node)]
    return tuple(_command(site, node, component, phase, scope, parameters(component)) for component in taking_part)


def _command(
    site: Site, node: Node, component: Component, phase: Phase, scope: str, parameters: Mapping[str, str]
) -> Command:
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
