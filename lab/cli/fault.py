"""`make fault`: what goes wrong on purpose, by the lab, and how it ends."""

from typing import Annotated, Any

import typer
from rich.markup import escape

from lab.cli import background
from lab.cli.output import Output
from lab.state import State

app = typer.Typer(
    no_args_is_help=True, help="Let something go wrong on purpose: hosts, network, events, APIs, functions."
)

Node = Annotated[str, typer.Argument(help="Instance id or its start, address, or <group>/<number>.")]
Product = Annotated[str, typer.Argument(help="consul, vault or nomad")]
Type = Annotated[str, typer.Option("--type", help="Only events whose detail-type contains these words, in any case.")]
Times = Annotated[int | None, typer.Option("--times", min=1, help="How often; without it, until `fault clear`.")]
Once = Annotated[int, typer.Option("--times", min=1, help="How often.")]
Seconds = Annotated[float, typer.Option("--seconds", min=0, help="Of the lab's time.")]
Service = Annotated[str, typer.Argument(help="As boto3 names it: ssm, dynamodb, autoscaling.")]
Operation = Annotated[str, typer.Argument(help="As the API names it: SendCommand, UpdateItem.")]


def _ask(context: typer.Context, name: str, **arguments: Any) -> None:
    output: Output = context.obj
    record = background.running(output, State())
    given = {key: value for key, value in arguments.items() if value is not None}
    done = background.query(output, record, "fault", name=name, **given)
    output.result(done)
    output.say(escape(done["did"]))
    ends = done["ends"]
    if ends == "-":
        output.next("make status")
    elif ends.partition(" ")[0] in COMMANDS:
        output.next(f'make fault FAULT="{ends}", which ends it', "make status", "make journal")
    else:
        output.say(f"It ends like this: {escape(ends)}")
        output.next("make status", "make journal")


@app.command()
def kill_host(context: typer.Context, node: Node) -> None:
    """A host loses its power, without notice; EC2 finds out by its status checks."""
    _ask(context, "kill-host", node=node)


@app.command()
def terminate_host(context: typer.Context, node: Node) -> None:
    """An instance is terminated in EC2, behind its group's back."""
    _ask(context, "terminate-host", node=node)


@app.command()
def stop_product(context: typer.Context, node: Node, product: Product) -> None:
    """A product's service is stopped, without a goodbye."""
    _ask(context, "stop-product", node=node, product=product)


@app.command()
def start_product(context: typer.Context, node: Node, product: Product) -> None:
    """A product's service is started."""
    _ask(context, "start-product", node=node, product=product)


@app.command()
def partition(context: typer.Context, nodes: Annotated[list[str], typer.Argument(help="Nodes to cut off.")]) -> None:
    """Nodes are cut off from the others."""
    _ask(context, "partition", nodes=nodes)


@app.command()
def heal(context: typer.Context) -> None:
    """Every partition ends."""
    _ask(context, "heal")


@app.command()
def pause_agent(context: typer.Context, node: Node) -> None:
    """A node's SSM agent falls silent; all else goes on."""
    _ask(context, "pause-agent", node=node)


@app.command()
def resume_agent(context: typer.Context, node: Node) -> None:
    """A node's SSM agent is back."""
    _ask(context, "resume-agent", node=node)


@app.command()
def duplicate_events(context: typer.Context, type: Type = "", times: Times = None, seconds: Seconds = 0) -> None:
    """Events come twice, the second so many seconds later."""
    _ask(context, "duplicate-events", type=type, times=times, seconds=seconds)


@app.command()
def delay_events(context: typer.Context, type: Type = "", times: Times = None, seconds: Seconds = 30) -> None:
    """Events come late."""
    _ask(context, "delay-events", type=type, times=times, seconds=seconds)


@app.command()
def drop_events(context: typer.Context, type: Type = "", times: Times = None) -> None:
    """Events never come."""
    _ask(context, "drop-events", type=type, times=times)


@app.command()
def reorder_events(context: typer.Context, type: Type = "", times: Times = None, seconds: Seconds = 5) -> None:
    """Every other event comes behind the one after it."""
    _ask(context, "reorder-events", type=type, times=times, seconds=seconds)


@app.command()
def throttle_api(context: typer.Context, service: Service, operation: Operation, times: Once = 1) -> None:
    """An API says that it is called too often."""
    _ask(context, "throttle-api", service=service, operation=operation, times=times)


@app.command()
def fail_api(
    context: typer.Context,
    service: Service,
    operation: Operation,
    code: Annotated[str, typer.Option(help="The service's error code.")] = "InternalServerError",
    times: Once = 1,
) -> None:
    """An API answers with an error."""
    _ask(context, "fail-api", service=service, operation=operation, code=code, times=times)


@app.command()
def kill_lambda(
    context: typer.Context,
    function: Annotated[str, typer.Argument(help="A part of its name: take_turn.")],
    after_calls: Annotated[int, typer.Option(min=0, help="AWS calls that it gets to make.")] = 0,
    times: Once = 1,
) -> None:
    """A function's process dies between two of its AWS calls."""
    _ask(context, "kill-lambda", function=function, after_calls=after_calls, times=times)


@app.command()
def expire_lease(context: typer.Context) -> None:
    """The membership lease is over before its time."""
    _ask(context, "expire-lease")


@app.command()
def age_certificates(
    context: typer.Context, days: Annotated[float, typer.Option("--days", min=0, help="Of certificate_days.")] = 21
) -> None:
    """Nodes' certificates count as older than they are: a sweep renews those that are two thirds through."""
    _ask(context, "age-certificates", days=days)


@app.command()
def clear(context: typer.Context) -> None:
    """Everything that can be ended ends."""
    _ask(context, "clear")


@app.command("list")
def active(context: typer.Context) -> None:
    """What is wrong by now, on purpose."""
    output: Output = context.obj
    seen = background.query(output, background.running(output, State()), "faults")
    output.result(seen)
    for line in seen["active"] or ["nothing"]:
        output.say(escape(line))
    output.next('make fault FAULT="clear"', "make status")


COMMANDS = frozenset(
    (info.name or str(info.callback.__name__).replace("_", "-")) for info in app.registered_commands if info.callback
)
