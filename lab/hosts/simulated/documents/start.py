"""start: the service runs and answers on its host."""

from typing import Any

from lab.hosts.simulated.documents.certificate import serial_in_place
from lab.hosts.simulated.host import ExitError
from lab.hosts.simulated.task import Task

PATIENCE_SECONDS = 150


def product(task: Task) -> dict[str, Any]:
    kind, host, name = task.kind(), task.host, task.component
    if not any(path.startswith(f"/etc/{name}.d/") for path in host.files):
        raise ExitError(69, f"missing on this node: configuration of {name}")
    with task.world.changed:
        changed = name not in host.running
        host.running.add(name)
        if changed:
            host.served[name] = serial_in_place(host)
        host.retired.discard(name)
        host.kinds[name] = kind
        if kind == "server":
            task.world.servers[name].start(host)
        else:
            task.wait_until(lambda: _no_server(task), PATIENCE_SECONDS)
            _list_as_client(task)
        task.world.changed.notify_all()
    return {"changed": changed}


def _list_as_client(task: Task) -> None:
    found = task.world.servers[task.component].reachable(task.host)
    if found is not None:
        found.clients.add(task.host.instance_id)


def _no_server(task: Task) -> str | None:
    """A client's unit is ready when its agent has joined, and it joins through servers that it finds."""
    if task.world.servers[task.component].seen_by(task.host):
        return None
    return f"{task.component} does not answer; no server found"
