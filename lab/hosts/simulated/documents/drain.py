"""drain, on a client: begins to move its allocations, and tells how far that is. It waits for nothing."""

import time
from typing import Any

from lab.hosts.simulated.task import Task


def nomad(task: Task) -> dict[str, Any]:
    task.require("DeadlineSeconds")
    deadline = float(task.parameters["DeadlineSeconds"]) * task.world.time_scale
    with task.world.changed:
        host = task.host
        if "nomad" not in host.running:
            return {"draining": False, "allocations": 0}
        if host.drains_until is None:
            host.drains_until = time.monotonic() + min(deadline, host.allocations_move_in_seconds)
            task.world.changed.notify_all()
        if time.monotonic() >= host.drains_until:
            host.allocations = 0
        return {"draining": host.allocations > 0, "allocations": host.allocations}
