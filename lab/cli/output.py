"""Where commands print: words for people on a terminal or in a log, or one JSON document."""

import json
from typing import Any, NoReturn

import typer
from rich.console import Console

LOG_WIDTH = 200


class Output:
    """With `as_json`, stdout carries one JSON document and words go to stderr."""

    def __init__(self, as_json: bool) -> None:
        self.as_json = as_json
        console = Console(stderr=as_json, highlight=False)
        # Where nobody looks at a screen, lines may be as long as they are.
        self.console = console if console.is_terminal else Console(stderr=as_json, highlight=False, width=LOG_WIDTH)

    @property
    def live(self) -> bool:
        """Whether lines may be drawn over: not in a log."""
        return self.console.is_terminal

    def say(self, text: str) -> None:
        self.console.print(text, soft_wrap=True)

    def next(self, *suggestions: str) -> None:
        """What to do next."""
        for number, suggestion in enumerate(suggestions):
            self.console.print(f"{'Next: ' if number == 0 else '      '}{suggestion}")

    def result(self, value: Any) -> None:
        if self.as_json:
            print(json.dumps(value, indent=2, default=str))

    def fail(self, reason: str, *suggestions: str) -> NoReturn:
        """End the command with exit code 1."""
        self.console.print(f"[red]failed:[/red] {_escaped(reason)}")
        self.next(*suggestions)
        self.result({"failed": reason})
        raise typer.Exit(1)


def _escaped(text: str) -> str:
    return text.replace("[", r"\[")
