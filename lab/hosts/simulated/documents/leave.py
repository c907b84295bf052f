"""leave: out of the product's membership, before the host goes, and stopped for good."""

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
    kind = task.kind()
    task.require(*SERVER)
    try:
        if kind == "server":
            require_lease(task)
        with task.world.changed:
            runs = task.component in task.host.running
            if runs and kind == "server":
                _leave_raft(task)
            _retire(task)
    except RefusedError as why:
        return refused(str(why))
    if not runs:
        return refused(f"{task.component} does not run here")
    return changed(f"left {task.component}")


def _leave_raft(task: Task) -> None:
    seen = require_membership(task)
    seen.require_own_peer()
    if seen.leads:
        raise RefusedError(f"this server leads {seen.product}: it hands over first")
    seen.require_quorum()
    server = task.host.instance_id
    seen.change(server, lambda: seen.raft.remove(server))


def _retire(task: Task) -> None:
    task.world.servers[task.component].stop(task.host.instance_id)
    task.host.running.discard(task.component)
    task.host.retired.add(task.component)
    task.world.changed.notify_all()
