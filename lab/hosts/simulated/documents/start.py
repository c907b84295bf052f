"""start: the service runs and answers on its host."""

from typing import Any

from lab.hosts.simulated.documents.certificate import serial_in_place
from lab.hosts.simulated.host import ExitError
from lab.hosts.simulated.introductions import FILE
from lab.hosts.simulated.task import Task
from lambdas.domain.certificate import own_name

PATIENCE_SECONDS = 150


def product(task: Task) -> dict[str, Any]:
    kind, host, name = task.kind(), task.host, task.component
    if name == "nomad":
        task.require("Introduction")
    if not any(path.startswith(f"/etc/{name}.d/") for path in host.files):
        raise ExitError(69, f"missing on this node: configuration of {name}")
    with task.world.changed:
        if name == "nomad" and kind == "client" and task.parameters["Introduction"] != "-":
            _take_introduction(task)
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
    if found is None:
        return
    if task.component == "nomad":
        task.world.introductions.register(task.host, found)  # `verify` sees whether it was let in
    else:
        found.clients.add(task.host.instance_id)


def _take_introduction(task: Task) -> None:
    introductions = task.world.introductions
    own = own_name(task.parameters["Cluster"], task.host.instance_id)
    found = introductions.opened(task.parameters["Introduction"], own)
    if found is None:
        raise ExitError(70, "the introduction is not sealed to this node's certificate")
    if introductions.has_ended(found):
        raise ExitError(70, "the introduction of this client has ended before its Nomad started")
    task.host.files[FILE] = found.token


def _no_server(task: Task) -> str | None:
    """A client's unit is ready when its agent has joined, and it joins through servers that it finds."""
    if task.world.servers[task.component].seen_by(task.host):
        return None
    return f"{task.component} does not answer; no server found"
