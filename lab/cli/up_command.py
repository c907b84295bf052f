"""`make up` and `make scale`: what changes the lab, and is followed until it is done."""

import os
from pathlib import Path
from typing import Any, cast

from lab.cli import background
from lab.cli.follow import follow
from lab.cli.inspect import show_status
from lab.cli.output import Output
from lab.state import Record, State
from lambdas.domain.errors import InvalidConfig

KINDS = ("container", "simulated")


def up(output: Output, hosts: str, cluster: Path) -> None:
    if hosts not in KINDS:
        output.fail(f"HOSTS is {hosts!r}, not one of: {', '.join(KINDS)}", "make up HOSTS=simulated")
    state = State()
    record = state.read()
    try:
        if record is not None and record.alive and not _never_started(output, record):
            _check_same(output, record, hosts, cluster)
            output.say(f"the lab runs already (process {record.pid}): following it")
        else:
            if record is not None:
                output.say(f"the lab's process {record.pid} has died or did not start its lab: beginning anew")
                background.end(record)
            state.forget()
            _prepare(output, hosts, cluster)
            record = background.start(output, state, hosts, cluster)
        seen = _follow_start(output, record)
    except KeyboardInterrupt:
        output.say("interrupted; what was begun goes on or is kept")
        output.next("make up, which goes on from here", "make down, which removes it")
        raise SystemExit(130) from None
    if seen["stage"] == "failed":
        output.fail(seen["problem"], f"less {state.log}", "make logs", "make down")
    show_status(output, record)


def scale(output: Output, servers: int | None, clients: int | None) -> None:
    if servers is None and clients is None:
        output.fail("nothing to scale", "make scale SERVERS=5 CLIENTS=3")
    record = background.running(output, State())
    background.query(output, record, "scale", servers=servers, clients=clients)
    try:
        follow(
            output,
            lambda: background.query(output, record, "progress"),
            lambda seen: _settled(seen, servers, clients),
            only_changes=True,
        )
    except KeyboardInterrupt:
        output.say("interrupted; the groups go on to their new size")
        output.next("make status")
        raise SystemExit(130) from None
    show_status(output, record)


def _never_started(output: Output, record: Record) -> bool:
    """Whether the background process only waits to tell why it could not open its lab."""
    seen = background.query(output, record, "progress")
    return seen["stage"] == "failed" and not seen["started"]


def _check_same(output: Output, record: Record, hosts: str, cluster: Path) -> None:
    if (record.kind, record.cluster) != (hosts, str(cluster)):
        running = f"HOSTS={record.kind} CLUSTER={record.cluster}"
        output.fail(f"another lab runs already: {running}", f"make up {running}", "make down")


def _prepare(output: Output, hosts: str, cluster: Path) -> None:
    """What takes minutes the first time, in the foreground where an interrupt ends it; all of it is cached."""
    from lab.preparation import Kind, NotPreparedError, prepare  # longer to import than most commands take
    from lab.products.progress import Bars

    kind = cast(Kind, hosts)
    if kind == "container" and os.geteuid() != 0:
        output.fail("container hosts need root", "make up as root", "make up HOSTS=simulated, which runs anywhere")
    try:
        with Bars(output.console) as report:
            if kind == "container":
                from lab import prerequisites

                prerequisites.install(report)
            prepare(kind, cluster, report)
    except InvalidConfig as error:
        output.fail(str(error), "mend the cluster file; clusters/example.yaml explains every key")
    except NotPreparedError as error:
        output.fail(str(error))
    except Exception as error:  # builders have their own errors, each with its own advice
        output.fail(f"{type(error).__name__}: {error}", "make up again: what was finished is kept")


def _follow_start(output: Output, record: Record) -> dict[str, Any]:
    def ask() -> dict[str, Any]:
        if not record.alive:
            output.fail(f"the lab's process died:\n{background.last_words(State())}", "make up", "make down")
        found = background.query(output, record, "progress")
        assert isinstance(found, dict)
        return found

    return follow(output, ask, lambda seen: seen["stage"] in ("ready", "failed"))


def _settled(seen: dict[str, Any], servers: int | None, clients: int | None) -> bool:
    """All instances in service, and as many as wanted; the groups' names are the cluster file's first."""
    counts: dict[str, int] = {}
    for node in seen["nodes"]:
        if node["state"] != "InService":
            return False
        counts[node["group"]] = counts.get(node["group"], 0) + 1
    wanted = [(seen["server_group"], servers), (seen["client_pool"], clients)]
    return all(size is None or counts.get(group, 0) == size for group, size in wanted)
