"""The lab's background process as commands see it: found, started, asked, ended."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from lab.cli.output import Output
from lab.control import RefusedError, UnreachableError, ask
from lab.state import Record, State

STARTING_SECONDS = 30.0
CLOSING_SECONDS = 90.0
KILLING_SECONDS = 10.0


def running(output: Output, state: State) -> Record:
    """The living background process; fails the command where there is none."""
    record = state.read()
    if record is None:
        output.fail("no lab is running", "make up")
    if not record.alive:
        output.fail(f"the lab's process {record.pid} has died; its log is {state.log}", "make up", "make down")
    return record


def query(output: Output, record: Record, verb: str, timeout_seconds: float = 120.0, **arguments: Any) -> Any:
    """Ask; a refusal fails the command with its reason."""
    try:
        return ask(record.socket, verb, timeout_seconds, **arguments)
    except (RefusedError, UnreachableError) as error:
        output.fail(str(error), "make status", "make down")


def start(output: Output, state: State, kind: str, cluster: Path) -> Record:
    """Start the background process and wait until it can be asked."""
    state.directory.mkdir(parents=True, exist_ok=True)
    with state.log.open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "lab.daemon", kind, str(cluster), "--state", str(state.directory)],
            cwd=Path(__file__).parents[2],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # an interrupt of the command is none of the lab
            env=os.environ | {"PYTHONUNBUFFERED": "1"},
        )
    ends_at = time.monotonic() + STARTING_SECONDS
    while time.monotonic() < ends_at and process.poll() is None:
        record = state.read()
        if record is not None and record.pid == process.pid and Path(record.socket).exists():
            return record
        time.sleep(0.05)
    output.fail(f"the lab's process did not start:\n{last_words(state)}", "make down")


def end(record: Record) -> bool:
    """Ask it to end, then make it. False where it had to be killed; one that has died already has ended."""
    try:
        ask(record.socket, "down", 10.0)
    except (RefusedError, UnreachableError):
        if record.alive:
            os.kill(record.pid, 15)
    ends_at = time.monotonic() + CLOSING_SECONDS
    while record.alive:
        if time.monotonic() > ends_at:
            os.kill(record.pid, 9)
            _await_death(record)
            return False
        time.sleep(0.05)
    return True


def _await_death(record: Record) -> None:
    """What a process holds (namespaces, sockets) goes after the signal, not with it."""
    ends_at = time.monotonic() + KILLING_SECONDS
    while record.alive and time.monotonic() < ends_at:
        time.sleep(0.05)


def last_words(state: State, lines: int = 15) -> str:
    try:
        return "\n".join(state.log.read_text(errors="replace").splitlines()[-lines:])
    except FileNotFoundError:
        return "(it left no log)"
