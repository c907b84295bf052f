"""Called by renew_certificates: PlanRenewal. Whose certificates are renewed next, and their first command."""

import time
from typing import Any

from lambdas.aws import certificates, claims, cluster_config, lease, members, servers
from lambdas.domain.node import describe_server
from lambdas.domain.phases import Phase
from lambdas.domain.plans.renewing import plan_request
from lambdas.domain.plans.site import Site
from lambdas.domain.renewal import Turn, next_turn
from lambdas.observability import decided, entry
from lambdas.settings import Settings

WHOLE = "cluster"
"""Of which there is one run at a time."""


@entry
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`event`: {"turn": the turn before, "renewed": what it came to, "execution"}. Returns the turn, with `next`:
    renew, stop, or fail where a server's renewal failed: no other server is touched before somebody has looked.

    A server's turn is under the membership lease, so that nobody leaves while it reloads. It is not renewed on the
    way: who would take it after its time finds a server that reloads, which is still a voter.
    """
    settings = Settings.from_environment()
    table, execution, turn = settings.table_name, event["execution"], event["turn"]
    if turn.get("fencing"):
        lease.release(table, execution, turn["fencing"])
    attempted = turn["attempted"]
    if any(one["failed"] and one["votes"] for one in event["renewed"]):
        decided("a server's renewal failed: no other server is touched")
        return {"next": "fail", "attempted": attempted, "items": []}
    if claims.take(table, "renewal", WHOLE, execution) is None:
        decided("another run is under way")
        return {"next": "stop", "attempted": attempted, "items": []}
    config = cluster_config.load(settings.config_parameter)
    nodes, issued = servers.every(config, members.every(table)), certificates.every(table)
    chosen = next_turn(nodes, issued, attempted, time.time(), authority=settings.signing(config))
    decided(chosen.reason)
    taken = lease.take(table, execution, time.time()) if chosen.votes else None
    if chosen.votes and taken is None:
        decided("membership is being changed: servers are renewed another time")
        chosen = Turn((), "")
    site = Site.of(config, settings)
    chosen_nodes = [describe_server(config, holder.server) for holder in chosen.holders]
    return {
        "next": "renew" if chosen_nodes else "stop",
        "fencing": taken.fencing if taken else 0,
        "attempted": [*attempted, *(node.instance_id for node in chosen_nodes)],
        "items": [
            {
                "node": node.model_dump(mode="json"),
                "request": plan_request(site, node, scope=execution).of(Phase.REQUEST),
            }
            for node in chosen_nodes
        ],
    }
