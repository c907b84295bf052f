"""leave: out of the product's membership, before the host goes."""

from typing import Any

from lab.hosts.simulated.host import ExitError
from lab.hosts.simulated.raft import NoLeaderError
from lab.hosts.simulated.task import Task


def consul(task: Task) -> dict[str, Any]:
    return {"left": _leave(task)}


def vault(task: Task) -> dict[str, Any]:
    return {"left": _leave(task)}


def nomad(task: Task) -> dict[str, Any]:
    """A client is drained first. A server only stops: its peers' autopilot removes it."""
    kind = task.kind()
    with task.world.changed:
        drained = kind == "client" and "nomad" in task.host.running
        _stop(task)
    return {"drained": drained}


def _leave(task: Task) -> bool:
    kind = task.kind()
    with task.world.changed:
        left = task.component in task.host.running
        if left and kind == "server":
            _leave_raft(task)
        _stop(task)
    return left


def _stop(task: Task) -> None:
    task.world.servers[task.component].stop(task.host.instance_id)
    task.host.running.discard(task.component)
    task.world.changed.notify_all()


def _leave_raft(task: Task) -> None:
    instance_id = task.host.instance_id
    raft = task.world.servers[task.component].cluster_of(instance_id)
    if raft is None:
        return
    if raft.voters == (instance_id,):
        raise ExitError(70, f"the last voter of {task.component} does not leave")
    try:
        if raft.require_leader() == instance_id:
            raft.transfer_leadership()
        raft.remove(instance_id)
    except NoLeaderError as error:
        raise ExitError(75, f"{task.component}: {error}") from error
