"""A node becomes a member: alone, or with others that form the cluster."""

from collections.abc import Sequence

from lambdas.domain import names
from lambdas.domain.artifacts import Artifact, Manifest
from lambdas.domain.commands import Command
from lambdas.domain.component import Component, FileSet, Surroundings
from lambdas.domain.components import COMPONENTS
from lambdas.domain.components.introduction import introduction_of
from lambdas.domain.config import ClusterConfig
from lambdas.domain.delivery import Delivery, Parcel, pack
from lambdas.domain.formation import Role, choose_seed
from lambdas.domain.introduction import PARAMETER
from lambdas.domain.node import Node
from lambdas.domain.phases import SEED_PHASES, Phase
from lambdas.domain.plans.plan import (
    NOTHING,
    Plan,
    as_member,
    command_of,
    commands_of,
    reference_to,
    secrets_of,
    surroundings_of,
)
from lambdas.domain.plans.site import Site


def plan_install(site: Site, node: Node, manifest: Manifest, scope: str) -> Plan:
    """Raises NodeFailed where the manifest lacks something: said before anything is sent."""

    def parameters(component: Component) -> dict[str, str]:
        filled = _packages("Prerequisites", manifest.packages("prerequisites", node))
        if component.artifact is None:
            return filled
        if component.artifact == "docker":
            filled |= _packages("Packages", manifest.packages("docker", node))
            image = manifest.image("pause", node)
            return filled | {"ImageKey": image.key, "ImageSha256": image.sha256}
        artifact = manifest.product(component.artifact, node, getattr(site.config.versions, component.artifact))
        return filled | {
            "ArtifactKey": artifact.key,
            "ArtifactSha256": artifact.sha256,
            "Version": artifact.version,
        }

    return Plan({Phase.INSTALL: commands_of(site, node, Phase.INSTALL, scope, parameters)})


def _packages(parameter: str, found: Artifact | None) -> dict[str, str]:
    """Nothing where the bucket has none for the node's system: it asks its system's own repositories."""
    return {
        f"{parameter}Key": found.key if found else NOTHING,
        f"{parameter}Sha256": found.sha256 if found else NOTHING,
    }


def plan_membership(site: Site, node: Node, certificate: Delivery, role: Role, scope: str) -> Plan:
    """What a launched node still has to do: founders verify, joiners and clients configure, start and verify."""
    verify = {Phase.VERIFY: commands_of(site, node, Phase.VERIFY, scope, as_member(site, node))}
    if role == "founder":
        return Plan(verify)
    prepared, parcels = _configure_and_start(site, node, certificate, founding=False, scope=scope)
    return Plan(prepared | verify, parcels)


def plan_introduction(site: Site, server: Node, client: Node, certificate: str, scope: str) -> Plan:
    """What `server` says of a client that its product does not know yet, sealed to the client's certificate."""
    commands, parcels = [], []
    for component in COMPONENTS:
        if Phase.INTRODUCE in component.phases and component.takes_part(client):
            parcel = pack(server.instance_id, component.name, introduction_of(site.config, client, certificate))
            parcels.append(parcel)
            filled = secrets_of(site, component) | reference_to(parcel.delivery)
            commands.append(command_of(site, server, component, Phase.INTRODUCE, scope, filled))
    return Plan({Phase.INTRODUCE: tuple(commands)}, tuple(parcels))


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
            filled = {"Generation": str(generation), **secrets_of(site, component)}
            if render := component.renders.get(phase):
                parcel = pack(
                    seed.instance_id,
                    component.name,
                    render(site.config, seed, surroundings_of(site, founding=True)),
                )
                parcels.append(parcel)
                filled |= reference_to(parcel.delivery)
            commands[phase] = (
                *commands.get(phase, ()),
                command_of(site, seed, component, phase, scope, filled),
            )
    return Plan(commands, tuple(parcels))


def pack_certificate(config: ClusterConfig, node: Node, *, certificate: str, authority: str) -> Parcel:
    """The `ca` component's file set, made where the certificate is signed."""
    ca = next(component for component in COMPONENTS if component.name == "ca")
    files: FileSet = ca.renders[Phase.CONFIGURE](
        config, node, Surroundings(founding=False, certificate=certificate, authority=authority)
    )
    return pack(node.instance_id, ca.name, files)


def _configure_and_start(
    site: Site, node: Node, certificate: Delivery, *, founding: bool, scope: str
) -> tuple[dict[Phase, tuple[Command, ...]], tuple[Parcel, ...]]:
    surroundings = surroundings_of(site, founding=founding)
    parcels: list[Parcel] = []

    def configuration(component: Component) -> dict[str, str]:
        filled: dict[str, str] = {}
        if component.keeps_secrets:
            filled = {"SecretsPrefix": names.secrets_prefix(site.config.name), "Kind": component.kind(node)}
        if component.name == "ca":  # signed and packed by sign_certificate already
            return filled | reference_to(certificate)
        parcel = pack(
            node.instance_id,
            component.name,
            component.renders[Phase.CONFIGURE](site.config, node, surroundings),
        )
        parcels.append(parcel)
        return filled | reference_to(parcel.delivery)

    def start(component: Component) -> dict[str, str]:
        introduced = {PARAMETER: NOTHING} if Phase.INTRODUCE in component.phases else {}
        return {"Kind": component.kind(node), **introduced}

    commands = {
        Phase.CONFIGURE: commands_of(site, node, Phase.CONFIGURE, scope, configuration),
        Phase.START: commands_of(site, node, Phase.START, scope, start),
    }
    return commands, tuple(parcels)
