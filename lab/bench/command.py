"""`python -m lab.bench`: measures, says what it found, and keeps it as JSON."""

import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from lab.bench import machine, package, report, scale, synthesis
from lab.bench.figures import Measured
from lab.default_cluster import DEFAULT_CLUSTER
from lab.products.progress import Bars, Report

PARTS = ("package", "synthesis", "scale", "formation", "goodbye")
"""In the order in which they are measured: what others on the machine disturb most comes first."""

OUTPUT = machine.REPOSITORY / "build" / "bench.json"
LOG_WIDTH = 160

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def bench(
    only: Annotated[str, typer.Option(help=f"Parts to measure, with commas between: {','.join(PARTS)}.")] = "",
    repeats: Annotated[int, typer.Option(min=1, help="Turns of formation, two minutes each; hosts that die, one.")] = 3,
    imports: Annotated[int, typer.Option(min=1, help="Cold imports and syntheses to take the median of.")] = 7,
    sizes: Annotated[str, typer.Option(help="Clients of the growing cluster.")] = "3,30,300",
    cluster: Annotated[Path, typer.Option(help="Cluster file.", exists=True, dir_okay=False)] = DEFAULT_CLUSTER,
    output: Annotated[Path, typer.Option(help="Where the figures are kept as JSON.")] = OUTPUT,
    as_json: Annotated[bool, typer.Option("--json", help="Print the JSON on stdout, and words on stderr.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit with 1 where a figure misses its target.")] = False,
) -> None:
    """Measure the figures that Quorate is held to, and say which are met.

    `formation` and `goodbye` need root and what `make up` needs; the other parts run anywhere. Figures are for the
    machine and the load that they were measured under, which the JSON tells.
    """
    parts = _parts(only)
    steps = tuple(sorted(_numbers(sizes)))
    console = Console(stderr=True, highlight=False)
    if not console.is_terminal:
        console = Console(stderr=True, highlight=False, width=LOG_WIDTH)
    described = machine.describe()
    measured: dict[str, Measured] = {}
    failed: dict[str, str] = {}
    log = output.with_suffix(".log")
    output.parent.mkdir(parents=True, exist_ok=True)
    with _quiet_stdout(log), Bars(console) as progress:
        for part in parts:
            try:
                measured[part] = _measure(part, cluster.resolve(), repeats, imports, steps, progress)
            except Exception as error:  # what the other parts found is worth having
                failed[part] = f"{type(error).__name__}: {error}"
                traceback.print_exc(file=sys.stdout)
    found = report.as_json(measured, described | {"load_average_after": machine.load_average()}) | {"failed": failed}
    output.write_text(json.dumps(found, indent=2) + "\n")
    _show(console, measured, described)
    for part, problem in failed.items():
        console.print(
            f"\n{part} was not measured: {problem}\n{log} says more", style="red", soft_wrap=True, markup=False
        )
    console.print(f"\n{output}", soft_wrap=True)
    if as_json:
        print(json.dumps(found, indent=2))
    if failed or (strict and any(figure.met is False for one in measured.values() for figure in one.figures)):
        raise typer.Exit(1)


def _measure(
    part: str, cluster: Path, repeats: int, imports: int, sizes: tuple[int, ...], progress: Report
) -> Measured:
    def of_formation() -> Measured:
        from lab.bench import formation  # needs Linux, as containers do

        return formation.measure(cluster, repeats, progress)

    def of_goodbye() -> Measured:
        from lab.bench import goodbye

        return goodbye.measure(cluster, repeats, progress)

    measure: dict[str, Callable[[], Measured]] = {
        "package": lambda: package.measure(imports, progress),
        "synthesis": lambda: synthesis.measure(cluster, imports, progress),
        "scale": lambda: scale.measure(cluster, sizes, progress),
        "formation": of_formation,
        "goodbye": of_goodbye,
    }
    return measure[part]()


def _show(console: Console, measured: dict[str, Measured], described: dict[str, object]) -> None:
    console.print(f"\n{described['processors']} processors, load average {described['load_average']} at the start\n")
    if measured:
        console.print(report.figures_table([figure for one in measured.values() for figure in one.figures]))
    if "scale" in measured:
        console.print()
        console.print(report.scale_table(measured["scale"].details["steps"]))
    if "formation" in measured:
        details = measured["formation"].details
        for goal, words in (("client", "the running job"), ("server", "all voters")):
            console.print()
            console.print(
                report.path_table(words, details["critical_paths"][goal], details["critical_path_sums"][goal])
            )


def _parts(only: str) -> tuple[str, ...]:
    wanted = [part.strip() for part in only.split(",") if part.strip()]
    if unknown := [part for part in wanted if part not in PARTS]:
        raise typer.BadParameter(f"no part {', '.join(unknown)}: there are {', '.join(PARTS)}", param_hint="--only")
    return tuple(part for part in PARTS if not wanted or part in wanted)


def _numbers(text: str) -> list[int]:
    try:
        numbers = [int(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if not numbers or min(numbers) < 1 or len(set(numbers)) < len(numbers):
        raise typer.BadParameter("different numbers with commas between, as 3,30,300", param_hint="--sizes")
    return numbers


@contextmanager
def _quiet_stdout(log: Path) -> Iterator[None]:
    """Handlers log to stdout, as Lambda has it: that goes to a file meanwhile, also what they keep hold of."""
    sys.stdout.flush()
    real = os.dup(1)
    try:
        with log.open("w") as file:
            os.dup2(file.fileno(), 1)
            try:
                yield
            finally:
                sys.stdout.flush()
                os.dup2(real, 1)
    finally:
        os.close(real)
