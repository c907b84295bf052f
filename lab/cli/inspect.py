"""`make status`, `make logs`, `make shell`: what changes nothing."""

import os
import sys
from typing import Any

import typer
from rich.markup import escape

from lab.cli import background
from lab.cli.output import Output
from lab.cli.tables import goodbye_line, job_line, journal_table, nodes_table, products_table
from lab.state import Record, State


def status(output: Output) -> None:
    show_status(output, background.running(output, State()))


def show_status(output: Output, record: Record) -> None:
    seen = background.query(output, record, "status")
    output.result(seen)
    formation = seen["formation"]
    words = f"cluster {seen['cluster']} on {seen['hosts']} hosts: {seen['stage']}"
    output.say(f"\n[bold]{words}[/]; formation {formation['status'] or 'not begun'}, {formation['reason'] or '-'}\n")
    output.console.print(nodes_table(seen), "", products_table(seen), "")
    for goodbye in seen["goodbyes"]:
        output.say(goodbye_line(goodbye))
    output.say(job_line(seen))
    for fault in seen["faults"]:
        output.say(f"[yellow]fault:[/] {escape(fault)}")
    for failed in seen["failed_launches"][-3:]:
        output.say(f"[red]launch failed:[/] {escape(failed)}")
    if seen["problem"]:
        output.say(f"[red]{escape(seen['problem'])}[/]")
    output.say("")
    _say_reach(output, seen)
    node = seen["nodes"][0]["instance_id"] if seen["nodes"] else "..."
    more = "make scale SERVERS=5 CLIENTS=3"
    if record.kind == "container":
        output.next(more, f"make shell NODE={node}", f"make logs NODE={node}", "make down")
    else:
        output.next(more, f"make logs NODE={node}", "make down")


def _say_reach(output: Output, seen: dict[str, Any]) -> None:
    reach = seen["reach"]
    if not reach:
        output.say("Simulated products have no API; HOSTS=container runs the real ones.\n")
        return
    authority = reach["authority"]
    output.say("UIs and APIs, by loopback of this machine (their certificates are signed by the cluster's own CA):")
    output.say(f"  Consul  {reach['consul']}/ui")
    output.say(f"          export CONSUL_HTTP_ADDR={reach['consul']} CONSUL_CACERT={authority}")
    output.say('          export CONSUL_HTTP_TOKEN="$(make token PRODUCT=consul)"')
    output.say(f"  Vault   {reach['vault']}/ui")
    output.say(f"          export VAULT_ADDR={reach['vault']} VAULT_CACERT={authority}")
    output.say(f"  Nomad   {reach['nomad']}/ui")
    output.say(f"          export NOMAD_ADDR={reach['nomad']} NOMAD_CACERT={authority}")
    output.say('          export NOMAD_TOKEN="$(make token PRODUCT=nomad)"')
    addresses = [one["address"] for one in (seen["job"] or {}).get("allocations", []) if one["address"]]
    if addresses:
        output.say(f"  Job     ip netns exec {reach['namespace']} curl http://{addresses[0]}/")
    output.say("")


def logs(output: Output, node: str) -> None:
    record = background.running(output, State())
    seen = background.query(output, record, "logs", node=node or None)
    output.result(seen)
    if output.as_json:
        return
    if not node:
        for line in seen["lab"]:
            output.say(escape(line))
        for event in seen["events"]:
            words = " ".join(f"{key}={value}" for key, value in event.items() if key not in ("at", "type"))
            output.say(escape(f"{event['at']} {event['type']} {words}"))
        output.next("make logs NODE=<instance id>, see make status", f"less {State().log}")
        return
    for command in seen["commands"]:
        output.say(f"[bold]{escape(command['at'])} {command['document']}: {command['status']}[/]")
        if command["output"]:
            output.say(escape(command["output"]))
    if seen["journal"]:
        output.say(f"[bold]journal[/]\n{escape(seen['journal'])}")
    output.next(f"make shell NODE={seen['node']}" if record.kind == "container" else "make status")


def journal(output: Output, node: str) -> None:
    record = background.running(output, State())
    seen = background.query(output, record, "journal", node=node or None)
    output.result(seen)
    if not seen["entries"]:
        output.say("nothing was decided yet" + (f" about {node}" if node else ""))
    else:
        output.console.print(journal_table(seen["entries"]))
    output.next("make status", "make logs NODE=<instance id>")


def shell(output: Output, node: str, command: str) -> None:
    record = background.running(output, State())
    if not node:
        output.fail("which node? NODE=<instance id or its start, address, or group/number>", "make status")
    if command:
        ran = background.query(output, record, "run", node=node, script=f"#!/bin/bash\n{command}\n")
        sys.stdout.write(ran["stdout"])
        sys.stderr.write(ran["stderr"])
        raise typer.Exit(max(ran["exit_code"], 0) if not ran["host_lost"] else 1)
    seen = background.query(output, record, "shell", node=node)
    output.say(f"root on {seen['node']}; the shell's end (exit) changes nothing")
    sys.stdout.flush()
    os.execvp(seen["command"][0], seen["command"])  # noqa: S606 - it is a shell that was asked for


def token(output: Output, product: str) -> None:
    record = background.running(output, State())
    found = background.query(output, record, "token", product=product)["token"]
    print(found)
