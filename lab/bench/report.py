"""What the bench says: a table for people, JSON for whoever compares."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from lab.bench.figures import Figure, Measured


def as_json(measured: Mapping[str, Measured], machine: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "machine": dict(machine),
        "figures": [figure.as_json() for one in measured.values() for figure in one.figures],
        "details": {part: dict(one.details) for part, one in measured.items()},
    }


def figures_table(figures: Sequence[Figure]) -> Table:
    table = Table("part", "figure", "value", "at most", "aim", "", "samples", box=None, pad_edge=False)
    part = ""
    for figure in figures:
        table.add_row(
            figure.part if figure.part != part else "",
            figure.name,
            f"{figure.value:g} {figure.unit}".strip(),
            "" if figure.target is None else f"{figure.target:g}",
            "" if figure.aim is None else f"{figure.aim:g}",
            {None: "", True: "[green]met[/]", False: "[red]missed[/]"}[figure.met],
            " ".join(f"{sample:g}" for sample in figure.samples) if len(figure.samples) > 1 else "",
        )
        part = figure.part
    return table


def path_table(goal: str, path: Sequence[Mapping[str, Any]], total: Mapping[str, float]) -> Table:
    """Where formation's time goes, on the way to a goal."""
    kinds = ("seconds", "scripts", "handlers", "waiting")
    table = Table(f"critical path to {goal}", *kinds, "longest script", box=None, pad_edge=False)
    for row in path:
        table.add_row(row["state"], *(f"{row[kind]:.1f}" for kind in kinds), row["longest_script"])
    table.add_row("[bold]all[/]", *(f"{total[kind]:.1f}" for kind in kinds), "")
    return table


def scale_table(steps: Sequence[Mapping[str, Any]]) -> Table:
    columns = list(steps[0])
    table = Table(*(column.replace("_", " ") for column in columns), box=None, pad_edge=False)
    for step in steps:
        table.add_row(*(f"{step[column]:g}" for column in columns))
    return table
