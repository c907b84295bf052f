"""The lab's commands. `make help` lists them; each ends with what to do next."""

from pathlib import Path
from typing import Annotated, Any

import typer

from lab.cli import fault, inspect, up_command
from lab.cli.output import Output
from lab.default_cluster import DEFAULT_CLUSTER

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    help="A place to try Quorate: an embedded AWS and hosts to run on. Usually called by make.",
)

app.add_typer(fault.app, name="fault")

NODE_HELP = "Instance id or its start, address, or <group>/<number>: i-0abc, 10.77.0.4, servers/0"


@app.callback()
def main(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document, and words on stderr only.")] = False,
) -> None:
    context.obj = Output(as_json)


def _output(context: typer.Context) -> Output:
    found: Any = context.obj
    assert isinstance(found, Output)
    return found


@app.command()
def up(
    context: typer.Context,
    hosts: Annotated[str, typer.Option(help="container (real products, root) or simulated (anywhere).")] = "container",
    cluster: Annotated[Path, typer.Option(help="Cluster file.", exists=True, dir_okay=False)] = DEFAULT_CLUSTER,
) -> None:
    """Start a cluster and its job, or go on where an interrupted start stopped."""
    up_command.up(_output(context), hosts, cluster.resolve())


@app.command()
def status(context: typer.Context) -> None:
    """Nodes, leaders, voters, seal state, job, and how to reach each API."""
    inspect.status(_output(context))


@app.command()
def scale(
    context: typer.Context,
    servers: Annotated[int | None, typer.Option(min=1, help="Desired number of servers.")] = None,
    clients: Annotated[int | None, typer.Option(min=0, help="Desired number of clients.")] = None,
) -> None:
    """Set the desired capacity of the server group and of the client pool, and wait until it is reached."""
    up_command.scale(_output(context), servers, clients)


@app.command()
def shell(
    context: typer.Context,
    node: Annotated[str, typer.Argument(help=NODE_HELP)] = "",
    command: Annotated[str, typer.Option("--command", "-c", help="Run this and return, instead of a shell.")] = "",
) -> None:
    """A root shell on a node."""
    inspect.shell(_output(context), node, command)


@app.command()
def logs(context: typer.Context, node: Annotated[str, typer.Argument(help=NODE_HELP)] = "") -> None:
    """What ran on a node with its output and journal; without a node, what happened in the lab."""
    inspect.logs(_output(context), node)


@app.command()
def journal(context: typer.Context, node: Annotated[str, typer.Argument(help=NODE_HELP)] = "") -> None:
    """What was decided about membership and what came of it, the newest last; of one node, or of all."""
    inspect.journal(_output(context), node)


@app.command()
def token(context: typer.Context, product: Annotated[str, typer.Argument(help="consul or nomad")]) -> None:
    """Print a product's management token, for tools of yours that ask for one."""
    inspect.token(_output(context), product)


@app.command()
def down(context: typer.Context) -> None:
    """Remove the lab: processes, containers, namespaces, mounts."""
    from lab.cli.removal import remove  # knows what makes products, which most commands do not need

    remove(_output(context))


@app.command()
def artifacts(
    context: typer.Context,
    cluster: Annotated[Path, typer.Option(help="Cluster file.", exists=True, dir_okay=False)] = DEFAULT_CLUSTER,
) -> None:
    """Mirror what nodes install from into a deployed cluster's bucket, with your AWS credentials."""
    from lab.cli.mirror import mirror  # knows boto3, which takes longer to import than most commands take

    mirror(_output(context), cluster.resolve())
