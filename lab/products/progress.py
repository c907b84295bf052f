"""How long work says what it is doing: a callback, so that the command line draws it and tests ignore it."""

from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn


@dataclass(frozen=True)
class Step:
    """`item` is at `done` of `total` units of what it is `doing`; a total of None means that nobody knows."""

    item: str
    doing: str
    done: float = 0
    total: float | None = None
    finished: bool = False


Report = Callable[[Step], None]


def silent(step: Step) -> None:
    """For callers that do not look."""


class Bars:
    """Draws steps as one rich progress bar an item: `with Bars() as report: obtain(..., report)`.

    Where output is no terminal (CI), rich draws only the last state, so each change of `doing` is printed instead.
    """

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console(stderr=True)
        self._progress = Progress(
            TextColumn("[bold]{task.fields[item]:<24}"),
            BarColumn(bar_width=28),
            TaskProgressColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}"),
            console=self._console,
        )
        self._tasks: dict[str, TaskID] = {}
        self._last: dict[str, str] = {}

    def __enter__(self) -> Report:
        if self._console.is_terminal:
            self._progress.start()
        return self.report

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._console.is_terminal:
            self._progress.stop()

    def report(self, step: Step) -> None:
        if not self._console.is_terminal:
            if self._last.get(step.item) != step.doing:
                self._last[step.item] = step.doing
                self._console.print(f"{step.item}: {step.doing}", highlight=False)
            return
        if step.item not in self._tasks:
            self._tasks[step.item] = self._progress.add_task(step.doing, total=None, item=step.item)
        total, done = (1, 1) if step.finished else (step.total, step.done)
        task = self._tasks[step.item]
        self._progress.update(task, description=step.doing, total=total, completed=done)
        if step.finished:
            self._progress.stop_task(task)
