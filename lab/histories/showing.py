"""How commands show what they found: tables and bars on stderr, JSON in build/ and, if asked for, on stdout."""

import json
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

BUILD = Path(__file__).parents[2] / "build"
LOG_WIDTH = 160


def console() -> Console:
    shown = Console(stderr=True, highlight=False)
    return shown if shown.is_terminal else Console(stderr=True, highlight=False, width=LOG_WIDTH)


def bar(shown: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=shown
    )


def keep(name: str, found: object, as_json: bool) -> None:
    BUILD.mkdir(exist_ok=True)
    (BUILD / f"{name}.json").write_text(json.dumps(found, indent=2) + "\n")
    if as_json:
        print(json.dumps(found, indent=2))


def table(*columns: str) -> Table:
    return Table(*columns, box=None, pad_edge=False)
