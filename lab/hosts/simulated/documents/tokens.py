"""reissue and adopt: tokens beside those that nodes use, taken up by each node, then the ones before deleted;
ssm_documents/lib/reissue.sh and adopt.sh."""

import json
import uuid
from typing import Any

from lab.hosts.simulated.documents.configure import file_set, place
from lab.hosts.simulated.documents.quorum import RefusedError, refused, require_lease
from lab.hosts.simulated.host import ExitError
from lab.hosts.simulated.task import Task


def reissue(task: Task) -> dict[str, Any]:
    task.require("Fencing", "LeaseTable", "Rotation", "Step")
    step = task.parameters["Step"]
    if step not in ("make", "retire"):
        raise ExitError(64, f"parameter Step is '{step}', not one of: make retire")
    _, values = file_set(task)
    try:
        require_lease(task)
    except RefusedError as why:
        return refused(str(why))
    task.require_secret(values["management_secret"])
    names = [entry["secret"] for api in ("consul", "nomad") for entry in values[f"{api}_tokens"]]
    if step == "make":
        changed = [name for name in names if _make(task, name)]
        return {"done": True, "changed": bool(changed), "reason": "each token has another beside it"}
    changed = [name for name in names if _retire(task, name)]
    return {"done": True, "changed": bool(changed), "reason": "no token of before is left"}


def _make(task: Task, name: str) -> bool:
    before, secret = task.require_secret(name), task.secret_name(name)
    if not task.world.store_version(secret, str(uuid.uuid4()), f"{name} rotation {task.parameters['Rotation']}"):
        return False
    with task.world.lock:
        task.world.tokens_before[secret] = before
    return True


def _retire(task: Task, name: str) -> bool:
    with task.world.lock:
        before = task.world.tokens_before.pop(task.secret_name(name), None)
        if before is None:
            return False
        task.world.cut_off |= {
            host.instance_id
            for host in task.world.hosts.values()
            if not host.lost and any(before in content for content in host.files.values())
        }
    return True


def adopt(task: Task) -> dict[str, Any]:
    kind, product = task.kind(), task.component
    path = f"/etc/{product}.d/secrets.json"
    if path not in task.host.files:
        return {"done": False, "changed": False, "reason": f"{product} is not configured here yet"}
    try:
        if kind == "server":
            require_lease(task)
    except RefusedError as why:
        return refused(str(why))
    _, values = file_set(task)
    secrets: dict[str, Any] = {}
    for wanted in values["secrets"]:
        place(secrets, wanted["path"], task.require_secret(wanted["secret"]))
    with task.world.lock:
        changed = task.host.files[path] != json.dumps(secrets)
        task.host.files[path] = json.dumps(secrets)
        task.host.parsed.clear()
    return {"done": True, "changed": changed, "reason": f"{product} uses the tokens of now"}
