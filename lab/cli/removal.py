"""`make down`: the lab is gone, whatever state it was in."""

import os
import shutil

from lab.cli import background
from lab.cli.output import Output
from lab.ownership import OwnedElsewhereError, own
from lab.state import State


def remove(output: Output) -> None:
    state = State()
    record = state.read()
    found = []
    if record is not None and record.alive:
        output.say(f"ending the lab (process {record.pid})")
        if not background.end(record):
            output.say("it did not end by itself and was killed; removing what it left")
        found.append(f"process {record.pid}")
    state.forget()
    found += sweep(output)
    output.result({"removed": found})
    output.say(f"removed: {', '.join(found)}" if found else "there was nothing to remove")
    output.next("make up")


def sweep(output: Output) -> list[str]:
    """Remove what a dead lab left on this machine; only containers leave anything, and only root has containers."""
    if os.geteuid() != 0 or not shutil.which("ip"):
        return []
    from lab.hosts.container import sweep_leftovers
    from lab.hosts.network import lab_name

    try:
        with own(lab_name()):
            return sweep_leftovers(lab_name())
    except OwnedElsewhereError as error:
        output.say(str(error))
        return []
