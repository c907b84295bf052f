"""leave: out of the product's membership, before the host goes."""

from typing import Any

from lab.hosts.simulated.host import ExitError
from lab.hosts.simulated.raft import NoLeaderError
from lab.hosts.simulated.task import Task


def product(task: Task) -> dict[str, Any]:
    kind, host, name = task.kind(), task.host, task.component
    with task.world.changed:
        if kind == "server":
            _leave_raft(task)
            task.world.servers[name].stop(host.instance_id)
        changed = name in host.running
        host.running.discard(name)
        task.world.changed.notify_all()
    return {"changed": changed}


def _leave_raft(task: Task) -> None:
    instance_id = task.host.instance_id
    raft = task.world.servers[task.component].cluster_of(instance_id)
    if raft is None:
        return
    try:
        if raft.require_leader() == instance_id:
            raft.transfer_leadership()
        raft.remove(instance_id)
    except NoLeaderError as error:
        raise ExitError(75, f"{task.component}: {error}") from error
