"""From a node and what is known of its cluster to the commands of each phase."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, Self

from lambdas.domain import names
from lambdas.domain.artifacts import Manifest
from lambdas.domain.commands import Command
from lambdas.domain.component import Component, FileSet, Surroundings
from lambdas.domain.component import Role as Member
from lambdas.domain.components import COMPONENTS
from lambdas.domain.components import component as component_named
from lambdas.domain.components.introduction import introduction_of
from lambdas.domain.components.token_rotation import reissued
from lambdas.domain.config import ClusterConfig
from lambdas.domain.delivery import Delivery, Parcel, pack
from lambdas.domain.formation import Role, choose_seed
from lambdas.domain.introduction import PARAMETER
from lambdas.domain.membership.decision import Step
from lambdas.domain.membership.observation import ORPHAN
from lambdas.domain.node import Node
from lambdas.domain.phases import SEED_PHASES, Phase
from lambdas.domain.rotation import Stage

NOTHING = "-"
"""A document parameter that has nothing to say: allowedPattern cannot admit an empty string on every agent."""


class Deployment(Protocol):
    """What is asked of `lambdas.settings`, which the domain does not know."""

    @property
    def bucket_name(self) -> str: ...
    @property
    def unseal_key_id(self) -> str: ...
    @property
    def table_name(self) -> str: ...


@dataclass(frozen=True)
class Site:
    """What the stack is to the domain: the cluster file and the names that only a deployment knows."""

    config: ClusterConfig
    bucket: str
    unseal_key_id: str
    table: str
    """Where the membership lease is."""

    @classmethod
    def of(cls, config: ClusterConfig, deployed: Deployment) -> Self:
        return cls(config, deployed.bucket_name, deployed.unseal_key_id, deployed.table_name)


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


def plan_introduction(site: Site, server: Node, client: Node, certificate: str, scope: str) -> Plan:
    """What `server` says of a client that its product does not know yet, sealed to the client's certificate."""
    commands, parcels = [], []
    for component in COMPONENTS:
        if Phase.INTRODUCE in component.phases and component.takes_part(client):
            parcel = pack(server.instance_id, component.name, introduction_of(site.config, client, certificate))
            parcels.append(parcel)
            filled = _secrets(site, component) | _reference(parcel.delivery)
            commands.append(_command(site, server, component, Phase.INTRODUCE, scope, filled))
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
            filled = {"Generation": str(generation), **_secrets(site, component)}
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


def plan_observation(site: Site, servers: Sequence[Node], scope: str) -> Plan:
    """Each server is asked once, about all that it serves. Facts are of their moment: `scope` names the turn."""

    def asked(server: Node) -> tuple[Command, ...]:
        serves = ",".join(server.serves)
        return _commands(site, server, Phase.OBSERVE, scope, lambda node: {"Serves": serves, **_secrets(site, node)})

    return Plan({Phase.OBSERVE: tuple(command for server in servers for command in asked(server))})


def plan_step(site: Site, node_on: Node, step: Step, fencing: int, scope: str) -> Plan:
    """The one change of a turn, with all that its script needs to see for itself that it may still make it."""
    if node_on.instance_id != step.on or step.product not in node_on.serves:
        raise ValueError(f"{step.phase} of {step.product} is for {step.on}, not for {node_on.instance_id}")
    filled = {
        "Fencing": str(fencing),
        "LeaseTable": site.table,
        "PeerId": step.raft_id,
        "Subject": NOTHING if step.subject.startswith(ORPHAN) else step.subject,
        "FewestVoters": str(step.fewest_voters),
        "SpareVoters": str(step.spare_voters),
    }
    if step.phase is not Phase.HAND_OVER:  # only servers lead
        filled["Kind"] = "server"
    changing = component_named(step.product)
    command = _command(site, node_on, changing, step.phase, scope, filled | _secrets(site, changing))
    return Plan({step.phase: (command,)})


def plan_unsealing(site: Site, nodes: Sequence[Node], scope: str) -> Plan:
    """Vault's servers that run and are sealed. Facts are of their moment: `scope` names the sweep that found them."""
    of_vault = component_named("vault_unseal")
    return Plan(
        {
            Phase.VERIFY: tuple(
                _command(site, node, of_vault, Phase.VERIFY, scope, _as_member(site, node)(of_vault)) for node in nodes
            )
        }
    )


def plan_request(site: Site, node: Node, scope: str) -> Plan:
    """The next key of a node that has one, and its request. The one in use stays until a certificate is there."""
    return Plan({Phase.REQUEST: _commands(site, node, Phase.REQUEST, scope, lambda _: {})})


def plan_renewal(site: Site, node: Node, certificate: Delivery, scope: str) -> Plan:
    """The new certificate put in place, taken up by each product in turn, and the node still what it was."""
    of_ca = component_named("ca")
    return Plan(
        {
            Phase.CONFIGURE: (_command(site, node, of_ca, Phase.CONFIGURE, scope, _reference(certificate)),),
            Phase.RELOAD: _commands(site, node, Phase.RELOAD, scope, lambda _: {}),
            Phase.VERIFY: _commands(site, node, Phase.VERIFY, scope, _as_member(site, node)),
        }
    )


def plan_rotation(
    site: Site, nodes: Sequence[Node], stage: Stage, rotation: int, expected: Sequence[str], fencing: int, scope: str
) -> Plan:
    """One turn of a stage, on each of `nodes`. `expected` is who has to follow gossip, by AWS's word; `fencing` is 0
    where no lease is needed."""
    rotated = component_named(stage.product)
    commands, parcels = [], []
    for node in nodes:
        filled = {"Fencing": str(fencing) if fencing else NOTHING, "LeaseTable": site.table, **_secrets(site, rotated)}
        if stage.phase is Phase.ADOPT:
            rendered = rotated.renders[Phase.CONFIGURE](site.config, node, _surroundings(site, founding=False))
            files = FileSet(values={"secrets": rendered.values["secrets"]})
            filled["Kind"] = rotated.kind(node)
        else:
            rekeys = stage.phase is Phase.REKEY
            files = (
                FileSet(values={"expected": list(expected)})
                if rekeys
                else reissued(site.config, stage.product, rotation)
            )
            filled |= {"Rotation": str(rotation), "Step": stage.step}
        parcel = pack(node.instance_id, rotated.name, files)
        parcels.append(parcel)
        commands.append(_command(site, node, rotated, stage.phase, scope, filled | _reference(parcel.delivery)))
    return Plan({stage.phase: tuple(commands)}, tuple(parcels))


def plan_drain(site: Site, servers: Sequence[Node], client: Node, deadline_seconds: int, scope: str) -> Plan:
    """Asks how far the drain of a client is, and begins it: on the first of `servers` that serves what places work
    there. `scope` names the round: one answer a scope."""
    commands = []
    for component in COMPONENTS:
        if Phase.DRAIN not in component.phases or not component.takes_part(client):
            continue
        if node_on := next((one for one in servers if component.product in one.serves), None):
            asked = {"Subject": client.instance_id, "DeadlineSeconds": str(deadline_seconds)}
            filled = asked | _secrets(site, component)
            commands.append(_command(site, node_on, component, Phase.DRAIN, scope, filled))
    return Plan({Phase.DRAIN: tuple(commands)})


def plan_leave(site: Site, node: Node, scope: str) -> Plan:
    """A node's goodbye to the products of which it is a client. What it serves it leaves by `plan_step`, in turns."""

    def parameters(component: Component) -> dict[str, str]:
        return {**_as_client(site, node.instance_id), **_secrets(site, component)}

    commands = _commands(site, node, Phase.LEAVE, scope, parameters)
    return Plan({Phase.LEAVE: tuple(one for one in commands if one.component not in node.serves)})


def plan_purge(site: Site, servers: Sequence[Node], subject: str, role: Member, scope: str) -> Plan:
    """What servers still list of a client that went, taken off their lists: by the first of `servers` that serves the
    product. `role` is that of the subject, whose host may be gone. A product that none of them serves is left out."""
    commands = []
    for component in COMPONENTS:
        if Phase.REMOVE not in component.phases or not component.takes_part(role) or component.kind(role) == "server":
            continue
        if node_on := next((one for one in servers if component.product in one.serves), None):
            filled = {**_as_client(site, subject), **_secrets(site, component)}
            commands.append(_command(site, node_on, component, Phase.REMOVE, scope, filled))
    return Plan({Phase.REMOVE: tuple(commands)})


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

    def start(component: Component) -> dict[str, str]:
        introduced = {PARAMETER: NOTHING} if Phase.INTRODUCE in component.phases else {}
        return {"Kind": component.kind(node), **introduced}

    commands = {
        Phase.CONFIGURE: _commands(site, node, Phase.CONFIGURE, scope, configuration),
        Phase.START: _commands(site, node, Phase.START, scope, start),
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
    return lambda component: {"Kind": component.kind(node), **_secrets(site, component)}


def _as_client(site: Site, subject: str) -> dict[str, str]:
    """A client has no vote: no lease is needed for its going, and nothing is counted."""
    return {
        "Kind": "client",
        "Fencing": NOTHING,
        "LeaseTable": site.table,
        "PeerId": NOTHING,
        "Subject": subject,
        "FewestVoters": "0",
        "SpareVoters": "0",
    }


def _secrets(site: Site, component: Component) -> dict[str, str]:
    return {"SecretsPrefix": names.secrets_prefix(site.config.name)} if component.keeps_secrets else {}


def _surroundings(site: Site, *, founding: bool) -> Surroundings:
    return Surroundings(founding=founding, kms_key_id=site.unseal_key_id)


def _reference(delivery: Delivery) -> dict[str, str]:
    return {"ConfigurationKey": delivery.key, "ConfigurationSha256": delivery.sha256}


def _commands(
    site: Site, node: Node, phase: Phase, scope: str, parameters: Callable[[Component], dict[str, str]]
) -> tuple[Command, ...]:
    taking_part = [
        component
        for component in COMPONENTS
        if phase in component.phases and component.takes_part(node) and component.in_cluster(site.config)
    ]
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
