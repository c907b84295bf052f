"""`python -m lab.products`: fill the cache, drawing progress; the artifacts as a table at the end."""

import argparse
import sys

from rich.console import Console
from rich.table import Table

from lab.products.artifact import Artifact
from lab.products.bundle import FAILURES, gather
from lab.products.catalogue import PRODUCTS
from lab.products.obtain import obtain
from lab.products.progress import Bars


def main() -> int:
    names = [product.name for product in PRODUCTS]
    arguments = argparse.ArgumentParser(prog="python -m lab.products", description=__doc__)
    arguments.add_argument("product", nargs="*", choices=[[], *names], help=f"some of {', '.join(names)}")
    arguments.add_argument("--all", action="store_true", help="also the packages and images")
    chosen = arguments.parse_args()
    console = Console(stderr=True)
    try:
        with Bars(console) as report:
            if chosen.all:
                artifacts = gather(report)
            else:
                wanted = [product for product in PRODUCTS if not chosen.product or product.name in chosen.product]
                artifacts = obtain(wanted, report)
    except FAILURES as error:
        console.print(f"[red]{error}", highlight=False)
        return 1
    Console().print(table_of(artifacts))
    return 0


def table_of(artifacts: list[Artifact]) -> Table:
    table = Table("artifact", "version", "from", "MB", "SHA-256")
    for artifact in artifacts:
        size = f"{artifact.bytes / 1e6:.1f}"
        table.add_row(artifact.name, artifact.version, artifact.origin, size, artifact.sha256[:16])
    return table


if __name__ == "__main__":
    sys.exit(main())
