"""`python -m lab.histories machines`: many histories, or one again."""

import time
from typing import Annotated

import typer
from rich.console import Console

from lab.histories.showing import BUILD, bar, console, keep

LOG = BUILD / "machines.log"


def machines(
    count: Annotated[int, typer.Option(min=1)] = 300,
    seed: Annotated[int, typer.Option(help="Of the first history; the next ones count on.")] = 1,
    processes: Annotated[int, typer.Option(min=1)] = 2,
    deeds: Annotated[str, typer.Option(help="With --count 1: only these of its deeds, by number: 1,4,5.")] = "",
    tries: Annotated[int, typer.Option(min=1, help="Of a history that is to break again, and in shrinking.")] = 3,
    mutant: Annotated[str, typer.Option(help="A deliberate mistake of the domain's to make all the while.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print the JSON on stdout as well.")] = False,
) -> None:
    """Live histories through the real state machines and handlers, on simulated hosts. One that breaks is shrunk.

    With --count 1 a seed is lived again, until it breaks or --tries are over: the embedded AWS runs threads by the
    clock, so that what broke once need not break the next time.
    """
    from lab.histories.machines import series  # the embedded AWS takes a while to import
    from lab.histories.machines.deeds import draw

    shown = console()
    LOG.unlink(missing_ok=True)
    began = time.monotonic()
    if count == 1:
        lived = [series.retry(series.only(draw(seed), deeds), tries, LOG, mutant)]
    else:
        with bar(shown) as progress:
            task = progress.add_task("histories", total=count)
            lived = series.live_all(seed, count, processes, LOG, lambda one: progress.advance(task), mutant)
    found = series.summary(lived, time.monotonic() - began)
    keep("machines", found, as_json)
    ends = ", ".join(f"{number} {outcome}" for outcome, number in found["outcomes"].items())
    shown.print(
        f"{len(lived)} histories in {found['seconds']:.0f} s, {found['cpu_seconds']:.0f} s of the processor: {ends}; "
        f"{found['changes']} changes of membership, {found['sweeps']} sweeps"
    )
    broken = sorted((one for one in lived if one.why), key=lambda one: len(one.deeds))
    for one in broken:
        shown.print(f"seed {one.seed} ({one.size} voters: {series.told_deeds(one.deeds)}): {one.why}", markup=False)
        shown.print(f"  again: {again(one.seed, deeds, tries, mutant)}", markup=False)
    if broken:
        if not deeds:
            tell(shown, broken[0].seed, tries, mutant)
        raise typer.Exit(1)


def tell(shown: Console, seed: int, tries: int, mutant: str) -> None:
    from lab.histories.machines import series
    from lab.histories.machines.deeds import draw

    history = draw(seed)
    with shown.status(f"shrinking seed {seed}"):
        short = series.shrink(history, tries, LOG, mutant)
    if short == history:
        shown.print(f"seed {seed}: {tries} tries without any one of its deeds, and none broke: it may need them all")
    for line in series.story(short):
        shown.print(line, markup=False)
    shown.print(f"again: {again(seed, series.kept(history, short), tries, mutant)}", markup=False)


def again(seed: int, deeds: str, tries: int, mutant: str) -> str:
    """Threads decide, so it is tried more often than it took to find it."""
    told = f"--seed {seed} --count 1 --tries {max(tries, 5)}"
    told += f" --deeds {deeds}" if deeds else ""
    told += f" --mutant '{mutant}'" if mutant else ""
    return f".venv/bin/python -m lab.histories machines {told}"
