"""remove, on a server that stays: a peer that is gone out of Raft, or a client that went off the lists."""

from typing import Any

from lab.hosts.simulated.documents.quorum import (
    SERVER,
    Membership,
    RefusedError,
    changed,
    refused,
    require_lease,
    require_membership,
)
from lab.hosts.simulated.host import ExitError
from lab.hosts.simulated.task import Task

DEATH_SECONDS = 30
"""How long gossip may take to see that somebody has gone."""


def product(task: Task) -> dict[str, Any]:
    task.require(*SERVER)
    try:
        return _client(task) if task.kind() == "client" else _server(task)
    except RefusedError as why:
        return refused(str(why))


def _server(task: Task) -> dict[str, Any]:
    require_lease(task)
    with task.world.changed:
        _await_death(task)
    require_lease(task)  # waiting may have cost what was left of it
    with task.world.changed:
        seen = require_membership(task)
        peer = seen.peer
        if peer is None:
            return _forget(seen)
        if seen.leads:
            raise RefusedError(f"{seen.peer_id} leads {seen.product}")
        if seen.lives:
            raise RefusedError(_lives(seen))
        seen.require_quorum()
        seen.change(peer, lambda: seen.raft.remove(peer))
        seen.servers.forgotten.add(peer)
        task.world.changed.notify_all()
        return changed(f"{seen.peer_id} is no peer of {seen.product} any more")


def _forget(seen: Membership) -> dict[str, Any]:
    """What gossip still lists of one that is no peer any more: Vault has no such list."""
    subject, servers = seen.task.parameters["Subject"], seen.servers
    who = seen.peer_id if subject == "-" else subject
    listed = seen.product != "vault" and servers.name(subject) is not None and not servers.alive(subject)
    if not listed:
        raise RefusedError(f"{seen.product} knows nothing of {who}")
    servers.forgotten.add(subject)
    return changed(f"{who} is on no list of {seen.product} any more")


def _await_death(task: Task) -> None:
    def lives() -> str | None:
        seen = require_membership(task)
        return _lives(seen) if seen.lives and not seen.leads else None

    try:
        task.wait_until(lives, DEATH_SECONDS)
    except ExitError as error:
        raise RefusedError(error.reason) from error


def _lives(seen: Membership) -> str:
    return f"{seen.peer_id} lives: it has to leave by itself"


def _client(task: Task) -> dict[str, Any]:
    subject, name = task.parameters["Subject"], task.component
    with task.world.changed:
        seen = require_membership(task)
        if subject not in seen.raft.clients:
            raise RefusedError(f"{name} knows nothing of {subject}")
        host = task.world.hosts.get(subject)
        if host is not None and not host.lost and name in host.running:
            raise RefusedError(f"{subject} is alive to {name}: it has to stop first")
        seen.raft.clients.discard(subject)
        task.world.changed.notify_all()
    return changed(f"{subject} is on no list of {name} any more")
