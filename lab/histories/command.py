"""`python -m lab.histories`: run histories, replay one, search exhaustively, try mutants."""

from typing import Annotated

import typer
from rich.console import Console

from lab.histories import exhaust, many, mutants, trials, words
from lab.histories.machines.command import machines
from lab.histories.random_histories import Ended, live, replay
from lab.histories.showing import bar, console, keep, table
from lab.histories.shrink import shrink

BOUND = 120.0
"""Seconds of the processor for searches that come to no end in a time that anybody waits."""

app = typer.Typer(add_completion=False, rich_markup_mode=None, no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print the JSON on stdout as well.")]
Mutant = Annotated[str, typer.Option(help="A deliberate mistake to make all the while; `mutants` names them.")]


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


@app.command(name="exhaust")
def exhaust_worlds(
    products: Annotated[str, typer.Option(help="With commas between; three searches if it is left out.")] = "",
    pool: Annotated[int, typer.Option(min=0, help="Misfortunes beyond those that the small world always has.")] = 0,
    states: Annotated[int, typer.Option(min=1, help="Cut off after so many.")] = 3_000_000,
    seconds: Annotated[float, typer.Option(help="Cut off after so many of the processor, each search.")] = 600,
    as_json: Json = False,
) -> None:
    """Search every interleaving of a small world: to the end with one product, to a bound with one more misfortune,
    and to a bound with all three products."""
    shown = console()
    rows = table("products", "more misfortunes", "states", "steps", "depth", "", "seconds", "broken rule")
    worlds = [(tuple(products.split(",")), pool, seconds)]
    if not products:
        worlds = [(("consul",), 0, seconds), (("consul",), 1, BOUND), (("consul", "vault", "nomad"), 0, BOUND)]
    searches = []
    for world, more, bound in worlds:
        with shown.status(f"every interleaving of 3 voters of {', '.join(world)}"):
            found = exhaust.search(world, budget=exhaust.Budget(pool=more), most_states=states, most_seconds=bound)
        searches.append(found)
        ended = "complete" if found.complete else "cut off"
        counts = (f"{found.states:,}", f"{found.steps:,}", str(found.depth))
        rows.add_row(", ".join(world), str(more), *counts, ended, f"{found.seconds:.0f}", found.rule or "none")
    shown.print(rows)
    keep("exhaust", [found.as_json() for found in searches], as_json)
    for found in searches:
        for line in words.story(found.history, found.rule, found.words) if found.history else ():
            shown.print(line, markup=False)
    if any(found.rule for found in searches):
        raise typer.Exit(1)


@app.command(name="mutants")
def try_mutants(
    count: Annotated[int, typer.Option(min=1, help="Histories of each mutant.")] = 300,
    only: Annotated[str, typer.Option(help="One of them, by its name.")] = "",
    seconds: Annotated[float, typer.Option(help="Of the processor: the most for the exhaustive search for one.")] = 300,
    processes: Annotated[int, typer.Option(min=1)] = 2,
    as_json: Json = False,
) -> None:
    """Make one deliberate mistake after the other, and see whether histories and the exhaustive search find it."""
    shown = console()
    wanted = [mutant.name for mutant in mutants.MUTANTS if only in ("", mutant.name)]
    with bar(shown) as progress:
        task = progress.add_task("mutants", total=len(wanted))
        tried = list(trials.try_all(wanted, count, seconds, processes, lambda: progress.advance(task)))
    tried.sort(key=lambda trial: wanted.index(trial.name))
    rows = table("mutant", "random histories", "first seed", "by the rule", "exhaustively", "in so many states")
    for trial in tried:
        rows.add_row(*trial.row())
    shown.print(rows)
    keep("mutants", [trial.as_json() for trial in tried], as_json)
    missed = [trial.name for trial in tried if not trial.caught]
    shown.print(f"{len(tried) - len(missed)} of {len(tried)} mutants are caught")
    if missed:
        shown.print(f"not caught: {', '.join(missed)}", style="red", markup=False)
        raise typer.Exit(1)


app.command()(machines)
