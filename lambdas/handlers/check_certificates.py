"""Called by sweep: CheckCertificates. Rings for certificates that end soon, and starts the renewal of those due."""

import time
from typing import Any

from lambdas.aws import certificates, cluster_config, executions, members, servers
from lambdas.domain.renewal import holders, next_turn
from lambdas.observability import count, decided, entry
from lambdas.settings import Settings


@entry
def handler(event: dict[str, Any], context: object) -> None:
    """`event`: {"formed"}. No node is asked: the record says what each holds."""
    if not event["formed"]:
        return
    settings, now = Settings.from_environment(), time.time()
    config = cluster_config.load(settings.config_parameter)
    nodes = servers.every(config, members.every(settings.table_name))
    issued = certificates.every(settings.table_name)
    for holder in holders(nodes, issued):
        if holder.rings(now):
            left = f"{holder.issued.days_left(now):.1f} days" if holder.issued else "nobody knows how long"
            decided(f"its certificate ends soon: {left}", node=holder.server.instance_id)
            count("CertificatesExpiring")
    turn = next_turn(nodes, issued, (), now, authority=settings.signing(config))
    if turn.holders and not executions.running(settings.renew_certificates_arn):
        decided(f"renewal begins: {turn.reason}")
        executions.start_for(settings.renew_certificates_arn, "certificates", {"by": "sweep"})
