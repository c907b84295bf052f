"""Called by renew_certificates: CompleteRenewal. The node serves what was signed for it: from now on that is known."""

from typing import Any

from lambdas.aws import certificates, journal
from lambdas.domain.errors import NodeFailed
from lambdas.domain.membership.journal import Entry
from lambdas.domain.node import Node
from lambdas.domain.renewal import Issued
from lambdas.observability import count, decided, entry
from lambdas.settings import Settings


@entry
def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """`event`: {"node", "issued": Issued, "reloaded": results of Reload, "execution"}. Raises NodeFailed where a
    product serves another certificate than the one that was signed."""
    settings = Settings.from_environment()
    node, issued = Node.model_validate(event["node"]), Issued.model_validate(event["issued"])
    for one in event["reloaded"]:
        if (served := one["result"].get("serial")) != issued.serial:
            raise NodeFailed(f"{one['component']} on {node.instance_id} serves {served!r:.60}, not {issued.serial!r}")
    certificates.write(settings.table_name, issued)
    products = ", ".join(one["component"] for one in event["reloaded"])
    reason = f"certificate {issued.serial} is served by {products}"
    journal.write(
        settings.table_name,
        Entry(settings.cluster_name, node.instance_id, event["execution"], "certificate", "renew", reason),
    )
    count("CertificatesRenewed")
    decided(reason, node=node.instance_id)
    return {"failed": False, "votes": node.kind == "server"}
