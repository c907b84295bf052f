"""hand_over: leadership from this server to a healthy voter."""

from typing import Any

from lab.hosts.simulated.documents.quorum import (
    SERVER,
    RefusedError,
    changed,
    refused,
    require_lease,
    require_membership,
)
from lab.hosts.simulated.task import Task


def product(task: Task) -> dict[str, Any]:
    task.require(*SERVER)
    try:
        require_lease(task)
        with task.world.changed:
            seen = require_membership(task)
            if not seen.leads:
                raise RefusedError(f"{seen.peer_id} does not lead {seen.product}")
            raft = seen.raft
            others = [server for server in raft.voters if raft.healthy(server) and server != raft.leader]
            if not others:
                raise RefusedError(f"no other voter of {seen.product} is healthy")
            seen.require_quorum()
            seen.change(task.host.instance_id, lambda: raft.transfer_leadership(min(others)))
            task.world.changed.notify_all()
            return changed(f"{raft.leader} leads {seen.product}")
    except RefusedError as why:
        return refused(str(why))
