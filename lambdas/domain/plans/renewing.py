"""What members hold is renewed: certificates, keys and tokens, an open Vault."""

from collections.abc import Sequence

from lambdas.domain.component import FileSet
from lambdas.domain.components import component as component_named
from lambdas.domain.components.token_rotation import reissued
from lambdas.domain.delivery import Delivery, pack
from lambdas.domain.node import Node
from lambdas.domain.phases import Phase
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
from lambdas.domain.rotation import Stage


def plan_unsealing(site: Site, nodes: Sequence[Node], scope: str) -> Plan:
    """Vault's servers that run and are sealed. Facts are of their moment: `scope` names the sweep that found them."""
    of_vault = component_named("vault_unseal")
    return Plan(
        {
            Phase.VERIFY: tuple(
                command_of(site, node, of_vault, Phase.VERIFY, scope, as_member(site, node)(of_vault)) for node in nodes
            )
        }
    )


def plan_request(site: Site, node: Node, scope: str) -> Plan:
    """The next key of a node that has one, and its request. The one in use stays until a certificate is there."""
    return Plan({Phase.REQUEST: commands_of(site, node, Phase.REQUEST, scope, lambda _: {})})


def plan_renewal(site: Site, node: Node, certificate: Delivery, scope: str) -> Plan:
    """The new certificate put in place, taken up by each product in turn, and the node still what it was."""
    of_ca = component_named("ca")
    return Plan(
        {
            Phase.CONFIGURE: (command_of(site, node, of_ca, Phase.CONFIGURE, scope, reference_to(certificate)),),
            Phase.RELOAD: commands_of(site, node, Phase.RELOAD, scope, lambda _: {}),
            Phase.VERIFY: commands_of(site, node, Phase.VERIFY, scope, as_member(site, node)),
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
        filled = {
            "Fencing": str(fencing) if fencing else NOTHING,
            "LeaseTable": site.table,
            **secrets_of(site, rotated),
        }
        if stage.phase is Phase.ADOPT:
            rendered = rotated.renders[Phase.CONFIGURE](site.config, node, surroundings_of(site, founding=False))
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
        commands.append(command_of(site, node, rotated, stage.phase, scope, filled | reference_to(parcel.delivery)))
    return Plan({stage.phase: tuple(commands)}, tuple(parcels))
