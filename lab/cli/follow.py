"""Following the lab while it works: a live table on a terminal, a line for each change in a log."""

import time
from collections.abc import Callable
from typing import Any

from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.text import Text

from lab.cli.output import Output
from lab.cli.tables import progress_table

POLL_SECONDS = 0.5
LAST_STEPS = 6

Ask = Callable[[], dict[str, Any]]
Done = Callable[[dict[str, Any]], bool]


def follow(output: Output, ask: Ask, done: Done, *, only_changes: bool = False) -> dict[str, Any]:
    """Until `done`; returns the last answer. A KeyboardInterrupt passes, the lab goes on.

    With `only_changes`, a log does not begin with what was so before.
    """
    if not output.live:
        return _follow_in_lines(output, ask, done, set(_lines(ask())) if only_changes else set())
    with Live(console=output.console, refresh_per_second=4, transient=True) as live:
        while True:
            seen = ask()
            live.update(_picture(seen))
            if done(seen):
                return seen
            time.sleep(POLL_SECONDS)


def _picture(seen: dict[str, Any]) -> Group:
    formation = seen["formation"]
    head = f"{seen['stage']}, {seen['seconds']:.0f} s"
    if formation:
        head += f"; formation {formation.get('status')}: {formation.get('reason')}"
    parts: list[Any] = [Text(head, style="bold")]
    if seen["nodes"]:
        parts.append(progress_table(seen["nodes"]))
    else:
        parts += [Text(step) for step in seen["steps"][-LAST_STEPS:]]
    parts += [Text(failed, style="red") for failed in seen["failed_launches"][-3:]]
    return Group(*parts)


def _follow_in_lines(output: Output, ask: Ask, done: Done, said: set[str]) -> dict[str, Any]:
    while True:
        seen = ask()
        for line in _lines(seen):
            if line not in said:
                said.add(line)
                output.say(f"{seen['seconds']:6.1f} s  {escape(line)}")
        if done(seen):
            return seen
        time.sleep(POLL_SECONDS)


def _lines(seen: dict[str, Any]) -> list[str]:
    """All that can be said now; what was said before is left out by the caller."""
    lines = list(seen["steps"])
    if formation := seen["formation"]:
        lines.append(f"formation {formation.get('status')}: {formation.get('reason')}")
    for node in seen["nodes"]:
        name = f"{node['group']} {node['instance_id']} {node['address']}".strip()
        lines.append(f"{name} {node['state']}")
        lines += [
            f"{name} {phase} {view['state']}" for phase, view in node["phases"].items() if view["state"] != "running"
        ]
    lines += [f"launch failed: {failed}" for failed in seen["failed_launches"]]
    return [*lines, f"stage {seen['stage']}"]
