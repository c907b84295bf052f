"""`python -m lab.histories`: run histories, replay one, search exhaustively, try mutants."""

import json
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from lab.histories import many, mutants, words
from lab.histories.random_histories import Ended, live, replay
from lab.histories.shrink import shrink

BUILD = Path(__file__).parents[2] / "build"
LOG_WIDTH = 160

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print the JSON on stdout as well.")]
Mutant = Annotated[str, typer.Option(help="A deliberate mistake to make all the while; `mutants` names them.")]


def console() -> Console:
    shown = Console(stderr=True, highlight=False)
    return shown if shown.is_terminal else Console(stderr=True, highlight=False, width=LOG_WIDTH)


def bar(shown: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=shown
    )


@app.command()
def run(
    count: Annotated[int, typer.Option(min=1)] = 10_000,
    seed: Annotated[int, typer.Option(help="Of the first history; the next ones count on.")] = 1,
    processes: Annotated[int, typer.Option(min=1)] = 2,
    as_json: Json = False,
) -> None:
    """Live random histories. The shortest that fails is shrunk and told."""
    shown = console()
    with bar(shown) as progress:
        task = progress.add_task("histories", total=count)
        lived = many.live_all(seed, count, processes, lambda number: progress.advance(task, number))
    keep("histories", lived.as_json(), as_json)
    whole, lost = lived.outcomes["whole"], lived.outcomes["quorum lost"]
    shown.print(
        f"{lived.count:,} histories in {lived.seconds:.0f} s: {whole:,} whole in the end, "
        f"{lost:,} lost quorum by faults alone, {lived.failed:,} failed"
    )
    if lived.failures:
        for ended in lived.failures[1:]:
            shown.print(f"  python -m lab.histories replay --seed {ended.history.seed}   {ended.words}", markup=False)
        tell(shown, lived.failures[0])
        raise typer.Exit(1)


@app.command(name="replay")
def replay_one(seed: Annotated[int, typer.Option()], mutant: Mutant = "") -> None:
    """Live the history of one seed again, shrink it if it fails, and tell it."""
    with mutants.made(mutant):
        ended = live(seed)
        shown = console()
        if not ended.failed:
            shown.print(f"seed {seed}: {ended.outcome}, after {len(ended.history.events)} events")
            return
        tell(shown, ended, mutant)
    raise typer.Exit(1)


def tell(shown: Console, ended: Ended, mutant: str = "") -> None:
    """Where shrinking loses the failure (a rule that breaks by chance alone), the whole of it is told."""
    short = shrink(ended.history, ended.outcome)
    rule, said = replay(short)
    shown.print(f"\nseed {ended.history.seed} breaks a rule. The shortest history that does:\n", style="red")
    for line in words.story(short, rule, said or ended.words):
        shown.print(line, markup=False)
    option = f" --mutant '{mutant}'" if mutant else ""
    shown.print(f"\nagain: .venv/bin/python -m lab.histories replay --seed {ended.history.seed}{option}", markup=False)


def keep(name: str, found: object, as_json: bool) -> None:
    BUILD.mkdir(exist_ok=True)
    (BUILD / f"{name}.json").write_text(json.dumps(found, indent=2) + "\n")
    if as_json:
        print(json.dumps(found, indent=2))


def table(*columns: str) -> Table:
    return Table(*columns, box=None, pad_edge=False)
