"""configure of products: the rendered file set, fetched by key and checksum, and the secrets that go beside it."""

import hashlib
import json
from typing import Any

from lab.hosts.simulated.host import ExitError
from lab.hosts.simulated.task import Task


def product(task: Task) -> dict[str, Any]:
    if task.component not in task.host.installed:
        raise ExitError(69, f"missing on this node: {task.component}")
    files, values = file_set(task)
    secrets: dict[str, Any] = {}
    for wanted in values.get("secrets", ()):
        place(secrets, wanted["path"], task.require_secret(wanted["secret"]))
    if (keyring := values.get("keyring")) and not task.host.keyrings.get(task.component):
        task.host.keyrings[task.component] = json.loads(task.require_secret(keyring["secret"]))["keys"]
    if secrets:
        files = {**files, f"/etc/{task.component}.d/secrets.json": json.dumps(secrets)}
    return {"changed": write(task, files)}


def file_set(task: Task) -> tuple[dict[str, str], dict[str, Any]]:
    """Files by path, and values, of the delivery that the parameters name."""
    task.require("Bucket", "ConfigurationKey", "ConfigurationSha256")
    key, expected = task.parameters["ConfigurationKey"], task.parameters["ConfigurationSha256"]
    body = task.world.read(task.parameters["Bucket"], key)
    found = hashlib.sha256(body).hexdigest()
    if found != expected:
        raise ExitError(70, f"checksum of {key} is {found}, manifest says {expected}")
    delivered = json.loads(body)
    return {file["path"]: file["content"] for file in delivered["files"]}, delivered.get("values", {})


def write(task: Task, files: dict[str, str]) -> bool:
    with task.world.lock:
        changed = any(task.host.files.get(path) != content for path, content in files.items())
        task.host.files.update(files)
        task.host.parsed.clear()
    return changed


def place(target: dict[str, Any], path: list[str], value: str) -> None:
    for name in path[:-1]:
        target = target.setdefault(name, {})
    target[path[-1]] = value
