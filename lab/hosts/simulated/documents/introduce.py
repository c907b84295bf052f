"""introduce: on a server of Nomad, what lets a new client register, sealed to it."""

from typing import Any

from lab.hosts.simulated.documents.configure import file_set
from lab.hosts.simulated.host import Host
from lab.hosts.simulated.task import Task
from lambdas.domain.components.introduction import LASTS_MINUTES, SINCE

PATIENCE_SECONDS = 30


def nomad(task: Task) -> dict[str, Any]:
    _, values = file_set(task)
    task.require_secret("nomad/introduction-token")
    asked = values["request"]
    with task.world.changed:
        servers, own = task.world.servers["nomad"], task.host.instance_id

        def obstacle() -> str | None:
            raft = servers.cluster_of(own) if servers.alive(own) else None
            return None if raft and raft.leader_seen_by(own) else "Nomad answered that there is no leader"

        task.wait_until(obstacle, PATIENCE_SECONDS)
        raft = servers.cluster_of(own)
        assert raft is not None
        if any(_is_too_old(task.world.hosts[server]) for server in raft.voters if server in task.world.hosts):
            return {"introduction": "-"}
        made = task.world.introductions.make(
            raft, asked["NodeName"], asked["NodePool"], values["recipient"], 60 * LASTS_MINUTES
        )
    return {"introduction": made.sealed}


def _is_too_old(server: Host) -> bool:
    """One such server among them and the others make none either (nomad/acl_endpoint.go)."""
    version = server.installed.get("nomad", "").split(".")
    return all(part.isdecimal() for part in version) and tuple(map(int, version)) < SINCE
