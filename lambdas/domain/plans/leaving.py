"""A node stops being a member, by what servers say of it."""

from collections.abc import Mapping, Sequence

from lambdas.domain.commands import Command
from lambdas.domain.component import Component
from lambdas.domain.component import Role as Member
from lambdas.domain.components import COMPONENTS
from lambdas.domain.components import component as component_named
from lambdas.domain.membership.decision import Step
from lambdas.domain.membership.observation import ORPHAN
from lambdas.domain.node import Node
from lambdas.domain.phases import Phase
from lambdas.domain.plans.plan import NOTHING, Plan, command_of, commands_of, secrets_of
from lambdas.domain.plans.site import Site


def plan_observation(site: Site, servers: Sequence[Node], scope: str) -> Plan:
    """Each server is asked once, about all that it serves. Facts are of their moment: `scope` names the turn."""

    def asked(server: Node) -> tuple[Command, ...]:
        serves = ",".join(server.serves)
        return commands_of(
            site, server, Phase.OBSERVE, scope, lambda node: {"Serves": serves, **secrets_of(site, node)}
        )

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
    command = command_of(site, node_on, changing, step.phase, scope, filled | secrets_of(site, changing))
    return Plan({step.phase: (command,)})


def plan_drain(site: Site, servers: Sequence[Node], client: Node, deadline_seconds: int, scope: str) -> Plan:
    """Asks how far the drain of a client is, and begins it: on the first of `servers` that serves what places work
    there. `scope` names the round: one answer a scope."""
    asked = {"Subject": client.instance_id, "DeadlineSeconds": str(deadline_seconds)}
    return _by_servers(site, servers, Phase.DRAIN, client, asked, scope)


def plan_leave(site: Site, node: Node, scope: str) -> Plan:
    """A node's goodbye to the products of which it is a client. What it serves it leaves by `plan_step`, in turns."""

    def parameters(component: Component) -> dict[str, str]:
        return {**_as_client(site, node.instance_id), **secrets_of(site, component)}

    commands = commands_of(site, node, Phase.LEAVE, scope, parameters)
    return Plan({Phase.LEAVE: tuple(one for one in commands if one.component not in node.serves)})


def plan_purge(site: Site, servers: Sequence[Node], subject: str, role: Member, scope: str) -> Plan:
    """What servers still list of a client that went, taken off their lists: by the first of `servers` that serves the
    product. `role` is that of the subject, whose host may be gone. A product that none of them serves is left out."""
    return _by_servers(site, servers, Phase.REMOVE, role, _as_client(site, subject), scope)


def _by_servers(
    site: Site, servers: Sequence[Node], phase: Phase, client: Member, parameters: Mapping[str, str], scope: str
) -> Plan:
    """Of each product of which it is a client: by the first of `servers` that serves the product."""
    commands = []
    for component in COMPONENTS:
        if phase not in component.phases or not component.takes_part(client) or component.kind(client) == "server":
            continue
        if node_on := next((one for one in servers if component.product in one.serves), None):
            filled = {**parameters, **secrets_of(site, component)}
            commands.append(command_of(site, node_on, component, phase, scope, filled))
    return Plan({phase: tuple(commands)})


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
