"""rekey: gossip one step on its way to a new key; ssm_documents/lib/rekey.sh."""

import json
from typing import Any

from lab.hosts.simulated.documents.configure import file_set
from lab.hosts.simulated.documents.quorum import RefusedError, refused, require_lease
from lab.hosts.simulated.documents.secrets import make_key
from lab.hosts.simulated.gossip import alive_to
from lab.hosts.simulated.host import ExitError, Host
from lab.hosts.simulated.task import Task

STEPS = ("install", "use", "remove")


class WaitsError(Exception):
    """Not everybody has followed yet, for this reason: no failure."""


def product(task: Task) -> dict[str, Any]:
    task.require("Fencing", "LeaseTable", "Rotation", "Step")
    step = task.parameters["Step"]
    if step not in STEPS:
        raise ExitError(64, f"parameter Step is '{step}', not one of: {' '.join(STEPS)}")
    _, values = file_set(task)
    try:
        require_lease(task)
        new = _advance(task, step)
        require_lease(task)
    except RefusedError as why:
        return refused(str(why))
    with task.world.changed:
        members = alive_to(task.host, task.component, task.world.hosts.values())
        rings = {one.instance_id: list(_ring(one, task)) for one in members}
        try:
            done, reason = True, _take(task, step, new, members, values["expected"])
        except WaitsError as why:
            done, reason = False, str(why)
        task.world.changed.notify_all()
        changed = any(rings[one.instance_id] != _ring(one, task) for one in members)
    return {"done": done, "changed": changed, "reason": reason}


def _advance(task: Task, step: str) -> str:
    """The secret, where it is not as far; returns the new key."""
    name, rotation = f"{task.component}/gossip-key", int(task.parameters["Rotation"])
    keyring = json.loads(task.require_secret(name))
    keys, new = keyring["keys"], keyring.get("new")
    if keyring["rotation"] > rotation or (keyring["rotation"] < rotation and (len(keys) > 1 or step != "install")):
        raise ExitError(70, f"secret {task.secret_name(name)}: it is of rotation {keyring['rotation']}, not {rotation}")
    if step == "remove" and keys[0] != new:
        raise ExitError(70, f"secret {task.secret_name(name)}: the new key is not in use")
    after = keyring
    if step == "install" and keyring["rotation"] < rotation:
        new = make_key()
        after = {"rotation": rotation, "new": new, "keys": [keys[0], new]}
    elif step == "use" and keys[0] != new:
        after = {**keyring, "keys": [new, *(key for key in keys if key != new)]}
    elif step == "remove":
        after = {**keyring, "keys": [new]}
    if after != keyring:
        mark = f"{name} rotation {rotation} step {step}"
        if not task.world.store_version(task.secret_name(name), json.dumps(after), mark):
            raise ExitError(75, f"another server has just written secret {task.secret_name(name)}")
    return str(new)


def _take(task: Task, step: str, new: str, members: list[Host], expected: list[str]) -> str:
    if step == "install":
        for member in members:
            if new not in _ring(member, task):
                _ring(member, task).append(new)
    missing = sorted(set(expected) - {member.instance_id for member in members})
    if missing:
        raise WaitsError(f"not alive in gossip: {', '.join(missing)}")
    have = sum(new in _ring(member, task) for member in members)
    if have < len(members):
        raise WaitsError(f"{have} of {len(members)} members have the new key: the old one stays")
    if step == "install":
        return "all members have the new key"
    if step == "use":
        for member in members:
            _ring(member, task).sort(key=lambda key: key != new)
        return "all members speak with the new key"
    if any(_ring(member, task)[0] != new for member in members):
        raise WaitsError("not all members speak with the new key: the old one stays")
    for member in members:
        _ring(member, task)[:] = [new]
    return "no member knows an old key any more"


def _ring(host: Host, task: Task) -> list[str]:
    return host.keyrings.setdefault(task.component, [])
