"""verify of vault_unseal: Vault is open on this host, or is opened with the key shares, which the host reads itself."""

import json
from typing import Any

from lab.hosts.simulated.documents.secrets import RECOVERY_SECRET
from lab.hosts.simulated.host import ExitError
from lab.hosts.simulated.task import Task

PATIENCE_SECONDS = 140


def vault(task: Task) -> dict[str, Any]:
    task.kind()
    return {"sealed": False, "changed": unseal(task)}


def unseal(task: Task) -> bool:
    """True where this call did it. A server that is to join has to have found whom."""
    servers, instance_id = task.world.servers["vault"], task.host.instance_id

    def obstacle() -> str | None:
        if instance_id not in servers.sealed:
            return None
        there = servers.cluster_of(instance_id) or servers.reachable(task.host)
        return None if there else "seal status: initialized false, sealed true"

    with task.world.changed:
        task.wait_until(obstacle, PATIENCE_SECONDS)
        if instance_id not in servers.sealed:
            return False
    kept = json.loads(task.require_secret(RECOVERY_SECRET))
    if len(kept["recovery_keys"]) < kept["recovery_threshold"]:
        raise ExitError(70, "too few shares are kept")
    with task.world.changed:
        servers.sealed.discard(instance_id)
        raft = servers.cluster_of(instance_id)
        if raft is not None:
            raft.revived(instance_id)
        task.world.settle()
        task.world.changed.notify_all()
    return True
