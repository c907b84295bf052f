"""drain, on a server: begins to move a client's allocations, and tells how far that is. It waits for nothing."""

import time
from typing import Any

from lab.hosts.simulated.host import ExitError
from lab.hosts.simulated.task import Task


def nomad(task: Task) -> dict[str, Any]:
    task.require("Subject", "DeadlineSeconds")
    deadline = float(task.parameters["DeadlineSeconds"]) * task.world.time_scale
    with task.world.changed:
        raft = task.world.servers["nomad"].reachable(task.host)
        if raft is None:
            raise ExitError(75, "Nomad answered that there is no leader")
        host = task.world.hosts.get(task.parameters["Subject"])
        if host is None or host.lost or "nomad" not in host.running or host.instance_id not in raft.clients:
            return {"draining": False, "allocations": 0}
        if host.drains_until is None:
            host.drains_until = time.monotonic() + min(deadline, host.allocations_move_in_seconds)
            task.world.changed.notify_all()
        if time.monotonic() >= host.drains_until:
            host.allocations = 0
        return {"draining": host.allocations > 0, "allocations": host.allocations}
