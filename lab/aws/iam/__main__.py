"""`make permissions`: what was granted and never used, of the runs that were kept under the folders given."""

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Column, Table

from lab.aws.iam.report import Report, exemptions, read, report

WIDTH_IN_A_FILE = 200


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m lab.aws.iam", description=__doc__)
    parser.add_argument("places", nargs="+", type=Path, metavar="folder")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--check", action="store_true", help="end with 1 where a permission is unused without a reason")
    options = parser.parse_args(arguments)
    found = read(options.places)
    if not found:
        print("no run was kept: `make test` and `make e2e` keep theirs", file=sys.stderr)
        return 2
    made = report(found, exemptions())
    if options.json:
        print(json.dumps(made.to_json(), indent=2))
    else:
        _print(made)
    return 1 if options.check and made.unused else 0


def _print(made: Report) -> None:
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH_IN_A_FILE)
    if made.unused:
        table = Table(
            "role", "action", Column("resource", overflow="fold"), title="granted, never used, no reason given"
        )
        before = ""
        for one in made.unused:
            table.add_row("" if one.role == before else one.role, one.action, one.resource)
            before = one.role
        console.print(table)
    for exemption in made.idle:
        console.print(f"[yellow]nothing needs this exemption any more:[/] {exemption.reason}")
    total = len(made.used) + len(made.justified) + len(made.unused)
    console.print(
        f"{total} permissions: {len(made.used)} used, {len(made.justified)} unused for a reason, "
        f"{len(made.unused)} unused without one"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
